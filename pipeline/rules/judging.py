"""Signals x policies -> judgements: what the policies that are live say of an image, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.items import Features
from pipeline.rules.heads.scoring import CompiledPolicies, Scores
from pipeline.wire import SEVERITY, Match, Verdict

SCORE_DIGITS = 6
"""Digits kept of a score: float32 features carry no more, and fewer make decisions easier to compare."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy set says of one image. ``scores`` has every active policy's, of the view that is worst for it.

    ``matches`` are the policies in mode enforce whose score reached a threshold, ``shadow`` those in mode shadow; the
    severest comes first.
    """

    scores: dict[str, float]
    matches: list[Match]
    shadow: list[Match]

    @property
    def verdict(self) -> Verdict:
        """The severest action among the enforced matches, ``allow`` without any."""
        if not self.matches:
            return "allow"
        return max((match.action for match in self.matches), key=SEVERITY.__getitem__)


def judge(images: Sequence[Features], compiled: CompiledPolicies) -> list[Judgement]:
    """The judgement of each image, whose views' features are ``float32[V,D]``; all are scored together.

    Each image is judged by its own views alone, so neither order nor company changes anything. Raises ``ValueError``
    for an image of no views.
    """
    if not all(len(features) for features in images):  # it would get the scores of the next
        raise ValueError("an image without views cannot be judged")
    if not images:
        return []
    first = np.cumsum([0, *(len(features) for features in images)])
    scores = compiled.score(np.concatenate(images))
    worst = np.maximum.reduceat(scores.scores, first[:-1], axis=0).round(SCORE_DIGITS)
    judgements = [Judgement(dict(zip(compiled.ids, row, strict=True)), [], []) for row in worst.tolist()]
    for row, column in np.argwhere(worst >= compiled.lowest).tolist():
        view = int(first[row] + scores.scores[first[row] : first[row + 1], column].argmax())
        judgement, policy = judgements[row], compiled.policies[column]
        found = _match(compiled, scores, view, column, float(worst[row, column]))
        (judgement.matches if policy.mode == "enforce" else judgement.shadow).append(found)
    for judgement in judgements:
        judgement.matches.sort(key=_severest_first)
        judgement.shadow.sort(key=_severest_first)
    return judgements


def _match(compiled: CompiledPolicies, scores: Scores, view: int, column: int, score: float) -> Match:
    policy = compiled.policies[column]
    prompt, share = compiled.best_prompt(scores, view, column)
    action, threshold = policy.severest(score)
    return Match(policy.id, policy.version, action, score, threshold, prompt, round(share, SCORE_DIGITS))


def _severest_first(match: Match) -> tuple[int, float, str]:
    return -SEVERITY[match.action], -match.score, match.policy
