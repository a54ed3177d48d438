"""How examples become a head: a Gaussian discriminant of how near an image is to them, and the text beside it.

With the mean M of the features of the pictures that match, of length 1, and ``z = cos(image, M)``, the two classes
"match" and "all else" are Gaussian in z with one variance (linear discriminant analysis, Hastie et al. 2009, 4.3)::

    l = (m1 - m0) / v * (z - (m1 + m0) / 2) + log(PRIOR / (1 - PRIOR))

It is the discriminant of Wang et al. 2024, "A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", with a
covariance that is shrunk to a multiple of the identity: shrunk by 0.1 or 0.3 it found fewer on fresh scenes. ``m1``
is the mean of z over the examples, each held against the mean of the others. ``m0`` and ``v`` come from the neutral
pictures that ship with Sluice, by median and median deviation, since some may show what the policy is about.

As there, the text's log-odds are added with a weight, here by how much they are above what is usual::

    b = l + WEIGHT * (log(t / (1 - t)) - usual)

with the text's score t, and for ``usual`` the median of its log-odds over the neutral pictures. Each look-alike A is
a class of its own, with the scale of the model's own softmax::

    score = 1 / (1 + exp(-b) + sum(exp(-logit_scale * (z - cos(image, A)))))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pipeline.rules.heads.head import Array, Texts
from pipeline.rules.heads.prompts import PromptsHead, compile_prompts
from pipeline.rules.policies.assets import NEUTRAL, SEVERAL, Asset, Assets
from pipeline.rules.policies.policy_set import AssetName, Policy, PolicySet
from pipeline.rules.wilson import wilson
from pipeline.signals import Features

PRIOR = 0.01
"""How often an image is of the class, before it is looked at."""
WEIGHT = 0.1
"""Of the text. A few examples cannot tell it: chosen for each policy by leaving examples out, it found fewer on fresh
scenes than one weight for all, which was chosen on some words and holds on others (``tests/lab/few_shot.py``)."""
LEAST_MATCHING, LEAST_NEUTRAL = 2, 16
"""Fewer examples, or neutral pictures, say nothing of how far apart the classes are."""
MOST_NEUTRAL_FLAGGED, MOST_SEVERAL_FLAGGED = 0.05, 0.1
"""Share of neutral pictures that the examples may flag, since some may show what the policy is about; and of pictures
of several such things. Examples that show several have that in common, too, and flag 13 to 36% of those. Where they
show one thing, four of them or more flag 3% at most (115 words, with the bundled model)."""
LEAST_DEVIATION = 0.02
"""Of z, so that a few pictures which are nearly the same do not make it sure of everything."""
MOST_SURE = 12.0
"""The most that l becomes, at z of 1: a score has six digits, and the best of images must still differ in them."""
_SURE = 1e-12
"""Nearer to 0 or 1 the text's score counts as this: its log-odds are at most 27.6."""
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
    usual: float
    """The text's log-odds of a picture of nothing in particular."""
    matching: Array
    """``float64[N,D]``: the examples, in the order of `Examples.match`."""
    look_alikes: Array
    """``float64[A,D]``"""
    found: int = 0
    """Of the examples, how many the others and the text find, from the policy's least threshold on."""
    found_by_text: int = 0
    """How many the text finds alone."""
    neutral_flagged: float = 0.0
    """Share of the neutral pictures."""
    several_flagged: float = 0.0
    """Share of the pictures that show several neutral things at once; 0 where there are none."""

    @property
    def used(self) -> bool:
        """Whether it beats the text beyond its interval, and flags few neutral pictures of either kind."""
        return self.least_found > self.found_by_text / len(self.matching) and not self.flags_neutral

    @property
    def least_found(self) -> float:
        """The lower end of the 95% interval of the share of examples that are found."""
        return wilson(self.found, len(self.matching))[0]

    @property
    def flags_neutral(self) -> bool:
        """Whether it flags so many neutral pictures of either kind that it cannot be used."""
        return self.neutral_flagged > MOST_NEUTRAL_FLAGGED or self.several_flagged > MOST_SEVERAL_FLAGGED

    def scores(self, features: Array, by_text: Array, scale: float) -> Array:
        """``float64[V,D]``, and ``float64[V]`` of the text's scores, to ``float64[V]``."""
        z = features @ self.mean
        odds = self.slope * z + self.offset + WEIGHT * (_log_odds(by_text) - self.usual)
        against = np.exp(-np.clip(odds, -500, 500))
        if len(self.look_alikes):
            nearer = scale * (features @ self.look_alikes.T - z[:, np.newaxis])
            against += np.exp(np.clip(nearer, -500, 500)).sum(axis=1)
        return np.asarray(1.0 / (1.0 + against))


def fit_examples(policy_set: PolicySet, words: Texts) -> list[Fitted]:
    """What the examples of each active policy come to that has enough of them, whether they are used or not."""
    policies = [each for each in policy_set.active if len(each.examples.match) >= LEAST_MATCHING]
    neutral, several = (_built_in(words.assets, kind) for kind in (NEUTRAL, SEVERAL))
    if not policies or len(neutral) < LEAST_NEUTRAL:
        return []
    prompts = compile_prompts(replace(policy_set, policies=tuple(policies)), words)
    shipped, sheets = (_Shipped(pictures, _by_text(prompts, pictures)) for pictures in (neutral, several))
    return [_fitted(policy, words, shipped.of(at), sheets.of(at), prompts) for at, policy in enumerate(policies)]


class _Shipped(NamedTuple):
    """Pictures that ship with Sluice."""

    features: Array
    """``float64[N,D]``"""
    by_text: Array
    """``float64[N,K]``: the scores that the text of K policies gives them, or ``float64[N]`` of one."""

    def of(self, policy: int) -> _Shipped:
        return self._replace(by_text=self.by_text[:, policy])

    def flagged(self, fitted: Fitted, scale: float) -> float:
        """The share that reaches the policy's least threshold; 0 of none."""
        if not len(self.features):
            return 0.0
        return float((fitted.scores(self.features, self.by_text, scale) >= fitted.policy.lowest).mean())


def _fitted(policy: Policy, words: Texts, neutral: _Shipped, several: _Shipped, prompts: PromptsHead) -> Fitted:
    matching = _features(policy.examples.match, words.assets)
    look_alikes = _features(policy.examples.look_alike, words.assets)
    usual, mean = float(np.median(_log_odds(neutral.by_text))), _unit(matching.mean(axis=0))
    slope, offset = _discriminant(_nearness(matching), neutral.features @ mean)
    fitted = Fitted(policy, mean, slope, offset, usual, matching, look_alikes)
    text, scale = _by_text(prompts, matching)[:, prompts.ids.index(policy.id)], words.logit_scale
    return replace(
        fitted,
        found=_found_by_others(fitted, neutral.features, text, scale),
        found_by_text=int((text >= policy.lowest).sum()),
        neutral_flagged=neutral.flagged(fitted, scale),
        several_flagged=several.flagged(fitted, scale),
    )


def _found_by_others(fitted: Fitted, neutral: Array, by_text: Array, scale: float) -> int:
    """How many examples score enough when the head is fitted without them."""
    found, matching = 0, fitted.matching
    for at in range(len(matching)):
        rest = np.delete(matching, at, axis=0)
        mean = _unit(rest.mean(axis=0))
        # Of two examples the one that is left has no other to be held against.
        slope, offset = _discriminant(_nearness(rest if len(rest) > 1 else matching), neutral @ mean)
        without = replace(fitted, mean=mean, slope=slope, offset=offset)
        alone = slice(at, at + 1)
        found += int(without.scores(matching[alone], by_text[alone], scale)[0] >= fitted.policy.lowest)
    return found


def _nearness(matching: Array) -> float:
    """The mean cosine of two examples or more, each held against the mean of the others."""
    return float((_unit(matching.sum(axis=0) - matching) * matching).sum(axis=1).mean())


def _discriminant(matching: float, neutral: Array) -> tuple[float, float]:
    """Slope and offset of l, from the mean of z over the examples and z of the neutral pictures."""
    middle = float(np.median(neutral))
    deviation = max(LEAST_DEVIATION, _MAD * float(np.median(np.abs(neutral - middle))))
    prior, between = float(np.log(PRIOR / (1 - PRIOR))), (matching + middle) / 2
    slope = min(max(0.0, matching - middle) / deviation**2, (MOST_SURE - prior) / max(1 - between, LEAST_DEVIATION))
    return slope, prior - slope * between


def _by_text(prompts: PromptsHead, features: Array) -> Array:
    if not len(features):
        return np.zeros((0, len(prompts.ids)))
    return prompts.score(features.astype(np.float32)).scores


def _log_odds(scores: Array) -> Array:
    inside = np.clip(scores, _SURE, 1 - _SURE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _features(names: Sequence[AssetName], assets: Assets) -> Array:
    seen = [_one(assets[each.path]) for each in names]
    return np.array(seen) if seen else np.zeros((0, 1))


def _built_in(assets: Assets, kind: str) -> Array:
    seen = [_one(each) for path, each in sorted(assets.items()) if path.startswith(kind) and each.signals is not None]
    return np.array(seen) if seen else np.zeros((0, 1))


def _one(asset: Asset) -> Array:
    """``float64[D]`` of a picture: the mean of its views, of length 1. Raises ``KeyError`` without signals."""
    if asset.signals is None:
        raise KeyError(asset.path)
    features: Features = asset.signals.features
    return _unit(features.astype(np.float64).mean(axis=0))


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12))
