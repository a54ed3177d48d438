"""``sluice policy suggest``: lines that would make a policy better, by what people said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.lab.reviews.record import estimate_record
from pipeline.lab.reviews.suggestions import SURE, Change, Effect, Outcome
from pipeline.lab.thresholds.write_back import check_writable, write_back
from pipeline.rules.policies.names import SUFFIXES
from pipeline.rules.policies.policy_set import Policy
from workers import assembly
from workers.archive.opening import opened_archive, segments_in, segments_made_by
from workers.archive.options import ArchiveAt, Since, Until
from workers.commands.options import AsJson, Labels, OnePolicy
from workers.policies.named import meant
from workers.policies.other_model import SayOtherModel
from workers.policies.suggestions import TRIED, Suggested, check, diff_of, file_with, reviewed_in, suggested
from workers.policies.suggestions_on_archive import counted
from workers.policies.vocabulary import known_phrases
from workers.reviews.quality import reviews_of
from workers.reviews.shown import percent
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal, told
from workers.terminal.plain import say

NOTHING_HELPS = 1
SHOWN = 3
"""Lines that are judged on the whole archive, and shown."""

More = Annotated[Path | None, typer.Option("--vocabulary", metavar="FILE", help="More phrases to try, one a line.")]
Write = Annotated[bool, typer.Option("--write", help="Write the proposed lines into the policy's file.")]


@with_settings("model", "images", "policies", "store", "log")
def suggest(
    settings: Settings,
    policy: OnePolicy,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    labels: Labels = None,
    vocabulary: More = None,
    write: Write = False,
    as_json: AsJson = False,
) -> int:
    """Propose prompts and unless lines for a policy, by reviews of what the archive remembers, each tried on both.

    Exit status 0: some line helps. 1: none that was tried does. Nothing is written without --write.
    """
    chosen = _policy(settings, policy)
    if write:
        check_writable(settings.policies)
    window, terminal = window_of(since, until), Terminal()
    with opened_archive(settings, archive) as opened:
        segments_in(opened, window)  # that there are none is found before the model is loaded
        known = [each.id for each in policies_in(settings.policies).policies]
        reviews = reviews_of(opened, window, labels, known, policy)[policy]
        with terminal.status("loading the model and the policies"):
            model = assembly.load_model(settings, one_caller=True)
            judge = assembly.judge(settings, model, SayOtherModel())
        segments = segments_made_by(opened, window, model.provenance)
        with terminal.counting("segments", len(segments)) as counter:
            reviewed = reviewed_in(opened, segments, window, policy, reviews, counter.advance)
        check(policy, reviewed)
        with terminal.status("reading phrases"):
            more = known_phrases(settings, model.encoder, vocabulary)
        with terminal.counting("lines tried", 2 * TRIED) as counter:
            found = suggested(judge, chosen, reviewed, more, counter.advance)
        moves = [counted(settings, opened, segments, window, judge, found, some) for some in _shown(found)]
    path = next(Path(each) for each in judge.files if Path(each).stem == policy and each.endswith(SUFFIXES))
    before = judge.files[path.as_posix()]
    try:
        after = file_with(before, found)
    except ValueError as error:
        raise UsageError(f"{path}: {error}; write them yourself") from error
    if write and found.chosen:
        write_back({path: after}, judge.files)
    _tell(found, moves, list(diff_of(path, before, after)), path, written=write, as_json=as_json, terminal=terminal)
    return 0 if found.chosen else NOTHING_HELPS


def _policy(settings: Settings, name: str) -> Policy:
    policies = policies_in(settings.policies)
    found = next((each for each in policies.active if each.id == name), None)
    if found is None:
        there = [each.id for each in policies.active]
        hint = f"; {said}" if (said := meant(name, there)) else ""
        raise UsageError(
            f"{settings.policies}: no active policy is called {name!r}; there are {', '.join(there)}{hint}"
        )
    return found


def _shown(found: Suggested) -> list[Sequence[Change]]:
    """Each of the best lines alone, and last what is proposed."""
    alone: list[Sequence[Change]] = [[change] for change, _ in found.tried[:SHOWN]]
    return [*alone, found.chosen] if found.chosen else []


def _tell(
    found: Suggested,
    moves: Sequence[tuple[int, int]],
    diff: Sequence[str],
    path: Path,
    *,
    written: bool,
    as_json: bool,
    terminal: Terminal,
) -> None:
    if as_json:
        terminal.json(json.dumps(_as_json(found, moves, diff, path, written=written)))
        return
    yes, no = int(found.reviewed.shows.sum()), int((~found.reviewed.shows).sum())
    say(f"{found.policy.id}: {yes:,} reviews say yes, {no:,} no; {found.phrases:,} phrases to choose from")
    say(_kept_aside(found))
    if not found.chosen or found.together is None:
        say(_nothing(found))
        return
    for (change, outcome), (new, let_go) in zip(found.tried, moves[:-1], strict=False):
        say(f"{change.key}: {change.text}", f"  {_said(outcome, found.phrases)}")
        say(f"  in the archive {new:,} images would be new, {let_go:,} let go")
    new, let_go = moves[-1]
    say(f"Together: {_precision(found.together)}; {new:,} images new, {let_go:,} let go")
    for line in diff:
        terminal.print(told(line))
    say(f"Written: {path.name}" if written else f"Nothing is written yet; --write changes {path.name}")


def _kept_aside(found: Suggested) -> str:
    if not found.aside:
        return "Too few to keep some aside: lines are judged by the reviews that they are chosen by."
    return f"{found.aside:,} of them are kept aside: lines are judged by those, and chosen by the others."


def _nothing(found: Suggested) -> str:
    if found.together is None:
        return "None of the lines that were tried helps: the file stays as it is."
    return f"What helps most makes reviews kept aside worse, so the file stays as it is: {_figures(found.together)}."


def _precision(outcome: Outcome) -> str:
    before, after = outcome.by.precision
    said = f"precision {percent(before)} before, {percent(after)} after"
    if outcome.aside is None:
        return said
    before, after = outcome.aside.precision
    return f"{said}; kept aside {percent(before)} before, {percent(after)} after"


def _figures(outcome: Outcome) -> str:
    """With what is found of all that there is, where lines lose some of it."""
    before, after = (outcome.aside or outcome.by).recall
    lost = f"; recall {percent(before)} before, {percent(after)} after" if after.value < before.value else ""
    return _precision(outcome) + lost


def _said(outcome: Outcome, among: int) -> str:
    """What a line does to the reviewed images, and whether that may be luck."""
    effect = outcome.by
    parts = {
        "wrongly flagged let go": effect.let_go,
        "rightly flagged lost": effect.lost,
        "missed found": effect.found,
        "flagged wrongly now": effect.wrong,
    }
    counts = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
    luck = "" if outcome.chance(among) <= SURE else "; with so few it may be luck"
    worse = "" if outcome.holds else "; it makes reviews kept aside worse"
    return f"of the reviewed: {counts}; {_figures(outcome)}{worse or luck}"


def _as_json(
    found: Suggested, moves: Sequence[tuple[int, int]], diff: Sequence[str], path: Path, *, written: bool
) -> dict[str, Any]:
    whole = moves[-1] if found.chosen else None
    together = None if found.together is None else _outcome(found.together, found.phrases, whole)
    alone = zip(found.tried, moves[:-1] if found.chosen else moves, strict=False)
    return {
        "policy": found.policy.id,
        "reviews": {
            "yes": int(found.reviewed.shows.sum()),
            "no": int((~found.reviewed.shows).sum()),
            "missing": found.reviewed.missing,
            "aside": found.aside,
        },
        "phrases": found.phrases,
        "lines": [
            {**asdict(change), **_outcome(outcome, found.phrases, counts)} for (change, outcome), counts in alone
        ],
        "proposed": [asdict(each) for each in found.chosen],
        "together": together,
        "diff": list(diff),
        "written": [str(path)] if written and found.chosen else [],
    }


def _outcome(outcome: Outcome, among: int, counts: tuple[int, int] | None) -> dict[str, Any]:
    return {
        **_effect(outcome.by),
        "chance": outcome.chance(among),
        "aside": None if outcome.aside is None else _effect(outcome.aside),
        "archive": None if counts is None else {"new": counts[0], "let_go": counts[1]},
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "let_go": effect.let_go,
        "lost": effect.lost,
        "found": effect.found,
        "wrong": effect.wrong,
        "precision_before": estimate_record(effect.precision[0]),
        "precision": estimate_record(effect.precision[1]),
        "recall_before": estimate_record(effect.recall[0]),
        "recall": estimate_record(effect.recall[1]),
    }
