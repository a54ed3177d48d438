"""The head of pictures: how near an image is to pictures that match a policy, as a Gaussian discriminant.

With the mean M of the features of the pictures that match, of length 1, and ``z = cos(image, M)``, the two classes
"match" and "all else" are Gaussian in z with one variance (linear discriminant analysis, Hastie et al. 2009, 4.3)::

    l = (m1 - m0) / v * (z - (m1 + m0) / 2) + log(PRIOR / (1 - PRIOR))

It is the discriminant of Wang et al. 2024, "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", with a
covariance that is shrunk to a multiple of the identity: shrunk by 0.1 or 0.3 it found fewer on fresh scenes. ``m1``
is the mean of z over the examples, each held against the mean of the others. ``m0`` and ``v`` come from the neutral
pictures that ship with Sluice, by median and median deviation, since some may show what the policy is about. Each
look-alike A is a class of its own, with the scale of the model's own softmax::

    score = 1 / (1 + exp(-l) + sum(exp(-logit_scale * (z - cos(image, A)))))

The text decides beside it: a policy's score is the greater of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.rules.heads.head import SCORE_DIGITS, Array, Texts
from pipeline.rules.heads.prompts import PromptsHead, compile_prompts
from pipeline.rules.heads.stacked import Stacked
from pipeline.rules.policies.assets import Asset, Assets, is_neutral
from pipeline.rules.policies.policy_set import AssetName, Policy, PolicySet
from pipeline.rules.wilson import wilson
from pipeline.signals import Features, Signals
from pipeline.wire import ExamplesEvidence

PRIOR = 0.01
"""How often an image is of the class, before it is looked at."""
LEAST_MATCHING, LEAST_NEUTRAL = 2, 16
"""Fewer examples, or neutral pictures, say nothing of how far apart the classes are."""
MOST_NEUTRAL_FLAGGED = 0.05
"""Share of neutral pictures that the examples may flag: some may show what the policy is about."""
LEAST_DEVIATION = 0.02
"""Of z, so that a few pictures which are nearly the same do not make it sure of everything."""
MOST_SURE = 12.0
"""The most that l becomes, at z of 1: a score has six digits, and the best of images must still differ in them."""
_MAD = 1.4826
"""A Gaussian's standard deviation by its median deviation."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a policy's examples came to."""

    policy: Policy
    mean: Array
    """``float64[D]``, of length 1."""
    slope: float
    offset: float
    """``l = slope * z + offset``"""
    matching: Array
    """``float64[N,D]``: the examples, in the order of `Examples.match`."""
    look_alikes: Array
    """``float64[A,D]``"""
    found: int
    """Of the examples, how many the others find, from the policy's least threshold on."""
    found_by_text: int
    neutral_flagged: float
    """Share of the neutral pictures."""

    @property
    def used(self) -> bool:
        """Whether it beats the text beyond its interval, and flags few neutral pictures."""
        least, _ = wilson(self.found, len(self.matching))
        return least > self.found_by_text / len(self.matching) and self.neutral_flagged <= MOST_NEUTRAL_FLAGGED

    def scores(self, features: Array, scale: float) -> Array:
        """``float64[V,D]`` to ``float64[V]``."""
        z = features @ self.mean
        against = np.exp(-np.clip(self.slope * z + self.offset, -500, 500))
        if len(self.look_alikes):
            nearer = scale * (features @ self.look_alikes.T - z[:, np.newaxis])
            against += np.exp(np.clip(nearer, -500, 500)).sum(axis=1)
        return np.asarray(1.0 / (1.0 + against))


@dataclass(frozen=True)
class ExamplesHead:
    """The policies that their examples judge. Build it with `compile_examples`."""

    fitted: tuple[Fitted, ...]
    logit_scale: float

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of the policies, in the order of the columns."""
        return tuple(each.policy.id for each in self.fitted)

    def at(self, now: float) -> ExamplesHead:  # noqa: ARG002 - a picture does not expire
        """Itself."""
        return self

    @property
    def moment(self) -> tuple[str, ...]:
        return ()

    def look(self, images: Sequence[Signals]) -> ExamplesOpinion:
        """Raises ``ValueError`` for an image of no views."""
        views = Stacked.of(images)
        features = views.features.astype(np.float64)
        columns = [each.scores(features, self.logit_scale) for each in self.fitted]
        found = np.stack(columns, axis=1) if columns else np.zeros((len(features), 0))
        return ExamplesOpinion(self, images, views, found, views.worst(found))


@dataclass(frozen=True, slots=True)
class ExamplesOpinion:
    """An `Opinion`."""

    head: ExamplesHead
    images: Sequence[Signals]
    views: Stacked
    found: Array
    scores: Array
    vetoes: None = None

    def evidence(self, image: int, policy: int) -> ExamplesEvidence:
        """The example that is nearest to the view which gave the score."""
        rows, fitted = self.views.views(image), self.head.fitted[policy]
        worst = int(self.found[rows, policy].round(SCORE_DIGITS).argmax())
        cosines = fitted.matching @ self.views.features[rows.start + worst].astype(np.float64)
        nearest = int(cosines.argmax())
        name = fitted.policy.examples.match[nearest].path
        return ExamplesEvidence(name, round(float(cosines[nearest]), SCORE_DIGITS), self.images[image].region(worst))


def compile_examples(policy_set: PolicySet, words: Texts) -> ExamplesHead:
    """Fit every policy's examples, and keep those that beat its text."""
    used = tuple(each for each in fit_examples(policy_set, words) if each.used)
    return ExamplesHead(used, words.logit_scale)


def fit_examples(policy_set: PolicySet, words: Texts) -> list[Fitted]:
    """What the examples of each active policy come to that has enough of them, whether they are used or not."""
    policies = [each for each in policy_set.active if len(each.examples.match) >= LEAST_MATCHING]
    neutral = _neutral(words.assets)
    if not policies or len(neutral) < LEAST_NEUTRAL:
        return []
    prompts = compile_prompts(policy_set, words)
    return [_fitted(policy, words, neutral, prompts) for policy in policies]


def _fitted(policy: Policy, words: Texts, neutral: Array, prompts: PromptsHead) -> Fitted:
    matching = _features(policy.examples.match, words.assets)
    look_alikes = _features(policy.examples.look_alike, words.assets)
    others = (matching.sum(axis=0) - matching) if len(matching) > 1 else matching
    left_out = np.einsum("nd,nd->n", matching, _unit(others))
    mean = _unit(matching.mean(axis=0))
    slope, offset = _discriminant(float(left_out.mean()), neutral @ mean)
    fitted = Fitted(policy, mean, slope, offset, matching, look_alikes, 0, 0, 0.0)
    text = prompts.score(matching.astype(np.float32)).scores[:, prompts.ids.index(policy.id)]
    return Fitted(
        policy,
        mean,
        slope,
        offset,
        matching,
        look_alikes,
        found=_found_by_others(fitted, neutral, words.logit_scale),
        found_by_text=int((text >= policy.lowest).sum()),
        neutral_flagged=float((fitted.scores(neutral, words.logit_scale) >= policy.lowest).mean()),
    )


def _found_by_others(fitted: Fitted, neutral: Array, scale: float) -> int:
    """How many examples score enough when the head is fitted without them."""
    found, matching = 0, fitted.matching
    for at in range(len(matching)):
        rest = np.delete(matching, at, axis=0)
        mean = _unit(rest.mean(axis=0))
        own = (
            float((_unit(rest.sum(axis=0) - rest) * rest).sum(axis=1).mean())
            if len(rest) > 1
            else _cosine_of_two(fitted)
        )
        slope, offset = _discriminant(own, neutral @ mean)
        without = Fitted(fitted.policy, mean, slope, offset, rest, fitted.look_alikes, 0, 0, 0.0)
        found += int(without.scores(matching[at : at + 1], scale)[0] >= fitted.policy.lowest)
    return found


def _cosine_of_two(fitted: Fitted) -> float:
    """The cosine of two examples, where there are no more."""
    return float(fitted.matching[0] @ fitted.matching[1])


def _discriminant(matching: float, neutral: Array) -> tuple[float, float]:
    """Slope and offset of l, from the mean of z over the examples and z of the neutral pictures."""
    middle = float(np.median(neutral))
    deviation = max(LEAST_DEVIATION, _MAD * float(np.median(np.abs(neutral - middle))))
    prior, between = float(np.log(PRIOR / (1 - PRIOR))), (matching + middle) / 2
    slope = min(max(0.0, matching - middle) / deviation**2, (MOST_SURE - prior) / max(1 - between, LEAST_DEVIATION))
    return slope, prior - slope * between


def _features(names: Sequence[AssetName], assets: Assets) -> Array:
    seen = [_one(assets[each.path]) for each in names]
    return np.array(seen) if seen else np.zeros((0, 1))


def _neutral(assets: Assets) -> Array:
    seen = [_one(each) for path, each in sorted(assets.items()) if is_neutral(path) and each.signals is not None]
    return np.array(seen) if seen else np.zeros((0, 1))


def _one(asset: Asset) -> Array:
    """``float64[D]`` of a picture: the mean of its views, of length 1. Raises ``KeyError`` without signals."""
    if asset.signals is None:
        raise KeyError(asset.path)
    features: Features = asset.signals.features
    return _unit(features.astype(np.float64).mean(axis=0))


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))
