"""Scores -> decision: which policies match, how severely, by which prompt, and what that makes of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.items import Item
from pipeline.rules.scoring import CompiledPolicies, Scores
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


def decide(item: Item, scores: Scores, compiled: CompiledPolicies, provenance: Provenance, now: float) -> Decision:
    """The decision for one item from the scores of its views, the worst view counting for each policy.

    `now` is in seconds since the epoch.
    """
    worst = scores.scores.argmax(axis=0)
    best = scores.scores.max(axis=0).round(SCORE_DIGITS)
    matches: list[Match] = []
    shadow: list[Match] = []
    for column in np.flatnonzero(best >= compiled.lowest).tolist():
        policy, score = compiled.policies[column], float(best[column])
        prompt, share = compiled.best_prompt(scores, int(worst[column]), column)
        action, threshold = policy.severest(score)
        match = Match(policy.id, policy.version, action, score, threshold, prompt, round(share, SCORE_DIGITS))
        (matches if policy.mode == "enforce" else shadow).append(match)
    event, version = item.event, compiled.policy_set.version
    source = SourceRef(event.topic, event.partition, event.offset)
    return Decision(
        decision_id=decision_id(source, version, provenance.model.fingerprint),
        image_id=image_id(event, item.claim),
        content_sha256=item.content_sha256,
        source=source,
        verdict=verdict(matches),
        matches=_severest_first(matches),
        shadow=_severest_first(shadow),
        scores=dict(zip(compiled.ids, best.tolist(), strict=True)),
        policy_set=version,
        model=provenance.model,
        preprocess=provenance.preprocess,
        frames=item.frames,
        event_time=rfc3339(event.timestamp),
        decided_at=rfc3339(now),
    )


def verdict(matches: list[Match]) -> Verdict:
    """The severest action among the enforced matches, ``allow`` without any."""
    if not matches:
        return "allow"
    return max((match.action for match in matches), key=SEVERITY.__getitem__)


def _severest_first(matches: list[Match]) -> list[Match]:
    return sorted(matches, key=lambda match: (-SEVERITY[match.action], -match.score, match.policy))
