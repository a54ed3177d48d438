"""Scores -> decision: which policies match, how severely, by which prompt, and what that makes of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.items import Features, Item
from pipeline.rules.scoring import CompiledPolicies
from pipeline.wire import (
    SEVERITY,
    Decision,
    Match,
    ModelRef,
    SourceRef,
    Verdict,
    decision_id,
    image_id,
    rfc3339,
)

SCORE_DIGITS = 6
"""Digits kept of a score: float32 features carry no more, and fewer make decisions easier to compare."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a decision, besides the policies."""

    model: ModelRef
    preprocess: str


def decide(
    ready: Sequence[tuple[Item, Features]], compiled: CompiledPolicies, provenance: Provenance, now: float
) -> list[Decision]:
    """The decision for each item and the features of its views, the worst view counting for each policy.

    All items are scored together. `now` is in seconds since the epoch. Raises ``ValueError`` for an item of no views.
    """
    if not all(len(features) for _, features in ready):  # it would get the scores of the next
        raise ValueError("an item without views cannot be decided")
    first = np.cumsum([0, *(len(features) for _, features in ready)])
    scores = compiled.score(np.concatenate([features for _, features in ready]))
    worst = np.maximum.reduceat(scores.scores, first[:-1], axis=0).round(SCORE_DIGITS)
    enforced, shadow = [list[Match]() for _ in ready], [list[Match]() for _ in ready]
    for row, column in np.argwhere(worst >= compiled.lowest).tolist():
        policy, score = compiled.policies[column], float(worst[row, column])
        view = int(first[row] + scores.scores[first[row] : first[row + 1], column].argmax())
        prompt, share = compiled.best_prompt(scores, view, column)
        action, threshold = policy.severest(score)
        match = Match(policy.id, policy.version, action, score, threshold, prompt, round(share, SCORE_DIGITS))
        (enforced if policy.mode == "enforce" else shadow)[row].append(match)
    version, decided_at = compiled.policy_set.version, rfc3339(now)
    decisions = []
    for (item, _), matches, shadowed, row in zip(ready, enforced, shadow, worst.tolist(), strict=True):
        event = item.event
        source = SourceRef(event.topic, event.partition, event.offset)
        decision = Decision(
            decision_id=decision_id(source, version, provenance.model.fingerprint),
            image_id=image_id(event, item.claim),
            content_sha256=item.content_sha256,
            source=source,
            verdict=verdict(matches),
            matches=_severest_first(matches),
            shadow=_severest_first(shadowed),
            scores=dict(zip(compiled.ids, row, strict=True)),
            policy_set=version,
            model=provenance.model,
            preprocess=provenance.preprocess,
            frames=item.frames,
            event_time=rfc3339(event.timestamp),
            decided_at=decided_at,
        )
        decisions.append(decision)
    return decisions


def verdict(matches: list[Match]) -> Verdict:
    """The severest action among the enforced matches, ``allow`` without any."""
    if not matches:
        return "allow"
    return max((match.action for match in matches), key=SEVERITY.__getitem__)


def _severest_first(matches: list[Match]) -> list[Match]:
    return sorted(matches, key=lambda match: (-SEVERITY[match.action], -match.score, match.policy))
