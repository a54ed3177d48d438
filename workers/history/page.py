"""What a person reads of one answer: all that it says, and why."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from rich.text import Text

from pipeline.wire import Decision, Match, PromptEvidence, decision_json
from pipeline.wire.dead_letters import DeadLetter, dead_letter_json
from workers.dlq.lines import line_of
from workers.history.found import Found
from workers.scan.report import COLOURS, decision_line
from workers.terminal.console import told


def page_of(found: Found) -> Iterator[Text]:
    """The lines of one answer."""
    if isinstance(found.said, DeadLetter):
        yield line_of(found.said)
        return
    decision = found.said
    yield decision_line(decision) + told((f"  superseded by {found.by}" if found.by else "", "yellow"))
    yield from (told((f"  {name:<15}", "dim"), text) for name, text in _facts(found, decision).items() if text)
    for name, matches in (("match", decision.matches), ("in shadow", decision.shadow)):
        for match in matches:
            yield told((f"  {name:<15}", "dim"), (f"{match.action:<7}", COLOURS[match.action]), _match(match))
    scores = sorted(decision.scores.items(), key=lambda pair: -pair[1])
    yield told(("  scores         ", "dim"), ", ".join(f"{policy} {score:.4f}" for policy, score in scores) or "none")
    yield from (told(("  note           ", "dim"), note) for note in decision.notes)


def object_of(found: Found) -> str:
    """The answer as JSON, with when and where it was written, and what supersedes it."""
    if isinstance(found.said, DeadLetter):
        return dead_letter_json(found.said).decode()
    said = msgspec.json.decode(decision_json(found.said))
    more = {"time": found.time, "stored": found.stored, "superseded_by": found.by}
    return msgspec.json.encode({**said, **{name: value for name, value in more.items() if value}}).decode()


def _facts(found: Found, decision: Decision) -> dict[str, str]:
    model = decision.model
    return {
        "decision id": decision.decision_id,
        "event id": decision.event_id,
        "supersedes": decision.supersedes or "",
        "decided": f"{decision.decided_at}, by the policy set {decision.policy_set}",
        "model": f"{model.name}@{model.fingerprint} in {model.dtype}, {decision.preprocess}, {_frames(decision)}",
        "event": f"{decision.source}, {decision.event_time}",
        "image": f"sha256 {decision.content_sha256}",
        "written": f"{found.stored}, {found.time}" if found.stored else "",
    }


def _frames(decision: Decision) -> str:
    return f"{decision.frames:,} frame{'' if decision.frames == 1 else 's'}"


def _match(match: Match) -> str:
    reached = f"{match.policy} {match.score:.4f}, from {match.threshold:g} on, version {match.version}: {match.why}"
    evidence = match.evidence
    if not isinstance(evidence, PromptEvidence):
        return reached
    against = "" if evidence.against is None else f" against {evidence.against.text!r} {evidence.against.share:.4f}"
    box = ", ".join(f"{edge:g}" for edge in evidence.view.box)
    turned = f", turned {evidence.view.turned}" if evidence.view.turned else ""
    return f"{reached} {evidence.share:.4f}{against}, frame {evidence.view.frame}, box {box}{turned}"
