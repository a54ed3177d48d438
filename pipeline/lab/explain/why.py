"""Explains scores by the very functions that gave them: which head, which view, which sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.explain.record import HeadScore, Kind, Margin, SeenView, Sentence, Why
from pipeline.rules.heads import SCORE_DIGITS, CompiledPolicies
from pipeline.rules.judging import Judgement, judge
from pipeline.rules.policies.policy_set import Policy
from pipeline.signals import Features, Signals
from pipeline.wire import Evidence

MOST_SENTENCES = 5
ROUNDING = 2 * 10.0**-SCORE_DIGITS
"""Scores that are not farther apart are the same."""


@dataclass(frozen=True, slots=True)
class Look:
    """The views of one image, those of a second look last, each judged as if it were all that is seen of it."""

    signals: Signals
    compiled: CompiledPolicies
    judgement: Judgement
    scores: NDArray[np.float64]
    """``float64[V,K]``"""

    @classmethod
    def at(cls, signals: Signals, compiled: CompiledPolicies) -> Look:
        alone = [Signals(row[np.newaxis], signals.regions[:1], signals.made_by) for row in _features(signals)]
        return cls(signals, compiled, judge([signals], compiled)[0], compiled.look(alone).scores)

    def deciding(self, policy: str) -> int:
        """The view whose score is the policy's; of equals the first.

        Where a head decides that goes by no view, such as a list of known pictures, it is the first look's best.
        """
        scores, score = self.scores[:, self.compiled.ids.index(policy)], self.judgement.scores[policy]
        first = len(self.signals.features)
        again = scores[first:]
        if scores[:first].max() < score and len(again) and abs(again.max() - score) <= ROUNDING:
            return first + int(again.argmax())
        return int(scores[:first].argmax())

    def views(self, policy: str) -> list[SeenView]:
        """All views with what they score under the policy."""
        scores = self.scores[:, self.compiled.ids.index(policy)].tolist()
        looks = [self.signals] if self.signals.closer is None else [self.signals, self.signals.closer]
        regions = [look.region(at) for look in looks for at in range(len(look.features))]
        bar = 0.0 if self.signals.closer is None else self.signals.closer.bar
        bars = [0.0] * len(self.signals.features) + [bar] * (len(regions) - len(self.signals.features))
        return [SeenView(*each) for each in zip(regions, scores, bars, strict=True)]


def why(look: Look, policy: Policy) -> Why:
    """Why the image has its score under an active policy, matched or not; without a map."""
    column, judgement = look.compiled.ids.index(policy.id), look.judgement
    score, deciding, views = judgement.scores[policy.id], look.deciding(policy.id), look.views(policy.id)
    heads = [HeadScore(_name(said), own, str(said), said) for own, said in judgement.by_head(policy.id)]
    prompts, against = sentences(look.compiled, column, _features(look.signals)[deciding])
    return Why(
        policy=policy.id,
        title=policy.title,
        version=policy.version,
        mode=policy.mode,
        score=score,
        action=policy.severest(score)[0] if score >= policy.lowest else None,
        margins=margins(policy, score),
        heads=heads,
        decided_by=_name(judgement.evidence(policy.id)),
        view=views[deciding].region,
        prompts=prompts,
        against=against,
        views=views,
    )


def margins(policy: Policy, score: float) -> list[Margin]:
    """The thresholds from the lowest up, and how far the score is above each."""
    ordered = sorted(policy.actions.items(), key=lambda pair: pair[1])
    return [Margin(action, threshold, round(score - threshold, SCORE_DIGITS)) for action, threshold in ordered]


def sentences(
    compiled: CompiledPolicies, column: int, features: Features, most: int = MOST_SENTENCES
) -> tuple[list[Sentence], list[Sentence]]:
    """The strongest sentences for a policy and against it in one view, ``float32[D]``, with their shares."""
    head, policy = compiled.prompts, compiled.policies[column]
    found = head.score(features[np.newaxis])
    shares = found.of_sentences[0] / found.totals[0, column]
    own = head.own[:, column] > 0
    against = (head.considered[:, column] > 0) & ~own if head.logit_bias is None else np.zeros_like(own)

    def strongest(chosen: NDArray[np.bool_]) -> Iterator[Sentence]:
        rows = np.flatnonzero(chosen)
        for row in rows[np.argsort(-shares[rows], kind="stable")][:most].tolist():
            text = head.sentences[row]
            yield Sentence(text, _kind(text, policy), round(float(shares[row]), SCORE_DIGITS))

    return list(strongest(own)), list(strongest(against))


def _kind(text: str, policy: Policy) -> Kind:
    if text in policy.prompts:
        return "prompt"
    return "unless" if text in policy.unless else "background"


def _name(evidence: Evidence) -> str:
    return str(evidence.__struct_config__.tag)


def _features(signals: Signals) -> Features:
    """``float32[V,D]`` of all views, those of a second look last."""
    looks: Sequence[Signals] = [signals] if signals.closer is None else [signals, signals.closer]
    return np.concatenate([look.features for look in looks])
