"""Which sentences would make a policy better, by what people said of images that it flagged or let pass.

The way from the images that it flagged rightly to those that it flagged wrongly is a direction among features: the
difference of their means. A sentence whose own features point that way describes what was flagged wrongly and not
what was flagged rightly, and is tried under ``unless``. The way from what does not show it to what was missed is for
``prompts``. What a sentence then does is not estimated: the policy is compiled with it, and judges the images again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.evaluation.weighted import Tally, part
from pipeline.rules.policies.sentences_added import Key
from pipeline.signals import Features

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
SURE = 0.05
"""The chance, over all sentences that there were to choose from, below which an effect is more than luck."""


@dataclass(frozen=True, slots=True)
class Judged:
    """N reviewed images with a yes or no."""

    features: Features
    """``float32[N,D]``: of each the view that the policy scores highest."""
    shows: Flags
    weights: Floats

    def some(self, of: Flags) -> Judged:
        """Those images alone."""
        return Judged(self.features[of], self.shows[of], self.weights[of])


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence to add, under one of a policy's keys."""

    key: Key
    text: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to the reviewed images, by how many were flagged before and are after."""

    let_go: int
    """Wrongly flagged images that are no longer."""
    lost: int
    """Rightly flagged images that are no longer."""
    found: int
    """Missed images that are flagged."""
    wrong: int
    """Images that are now flagged wrongly."""
    gain: float
    """By how much it is right more often, each image weighted by those that it stands for."""
    precision: tuple[Estimate, Estimate]
    """Before and after."""
    recall: tuple[Estimate, Estimate]
    """Before and after, among the reviewed, as they stand for the stream."""

    @property
    def helps(self) -> bool:
        """Whether it is right more often, counted and weighted."""
        return self.gain > 0 and self.let_go + self.found > self.lost + self.wrong

    @property
    def harms(self) -> bool:
        """Whether it is right less often, or a figure of it falls: more wrong among the flagged, or more missed.

        What has no precision before, since nothing is flagged, has none that could fall.
        """
        return self.gain < 0 or any(after.value < before.value for before, after in (self.precision, self.recall))

    def chance(self, among: int) -> float:
        """How likely luck alone does as well with the best of `among` sentences: a sign test, and Bonferroni.

        Conover (1999), "Practical nonparametric statistics", 3rd edition, section 3.4; half of the images that
        change would change for the better.
        """
        better, all_of_them = self.let_go + self.found, self.let_go + self.found + self.lost + self.wrong
        ways = sum(math.comb(all_of_them, count) for count in range(better, all_of_them + 1))
        return min(1.0, among * float(ways / 2**all_of_them))


def pointing(
    judged: Judged, flagged: Flags, phrases: Sequence[str], features: Features, key: Key, most: int
) -> list[str]:
    """The phrases that point most from where the policy is right to where it is wrong; none without both."""
    if key == "unless":
        toward, away = flagged & ~judged.shows, flagged & judged.shows
    else:
        toward, away = ~flagged & judged.shows, ~judged.shows
    if not toward.any() or not away.any():
        return []
    along = features @ (_mean(judged, toward) - _mean(judged, away))
    order = np.argsort(-along, kind="stable")[:most].tolist()
    return [phrases[at] for at in order if along[at] > 0]


def effect(judged: Judged, before: Flags, after: Flags) -> Effect:
    """What it does that these were flagged, and those are now."""
    shows, weights = judged.shows, judged.weights
    better = (before & ~after & ~shows) | (~before & after & shows)
    worse = (before & ~after & shows) | (~before & after & ~shows)
    return Effect(
        let_go=int((before & ~after & ~shows).sum()),
        lost=int((before & ~after & shows).sum()),
        found=int((~before & after & shows).sum()),
        wrong=int((~before & after & ~shows).sum()),
        gain=float(weights[better].sum() - weights[worse].sum()),
        precision=(_part(judged, before & shows, before & ~shows), _part(judged, after & shows, after & ~shows)),
        recall=(_part(judged, before & shows, ~before & shows), _part(judged, after & shows, ~after & shows)),
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change does to the images that it was chosen by, and to those that were kept aside."""

    by: Effect
    aside: Effect | None
    """None where none are."""

    def chance(self, among: int) -> float:
        """How likely luck alone does as well: on images kept aside nothing was chosen, so that one line is tried."""
        return self.by.chance(among) if self.aside is None else self.aside.chance(1)

    @property
    def holds(self) -> bool:
        """Whether images kept aside are judged no worse, by how often it is right and by either figure."""
        return self.aside is None or not self.aside.harms


def ranked(tried: Sequence[tuple[Change, Outcome]]) -> Iterator[tuple[Change, Outcome]]:
    """Those that help, by what they were chosen by, the best first."""
    return iter(sorted((each for each in tried if each[1].by.helps), key=lambda each: -each[1].by.gain))


def _mean(judged: Judged, of: Flags) -> Features:
    return np.asarray(np.average(judged.features[of], axis=0, weights=judged.weights[of]), np.float32)


def _part(judged: Judged, these: Flags, rest: Flags) -> Estimate:
    heaviest = float(judged.weights[these | rest].max(initial=1.0))
    return part(_tally(judged.weights[these], heaviest), _tally(judged.weights[rest], heaviest))


def _tally(weights: Floats, heaviest: float) -> Tally:
    return Tally(len(weights), float(weights.sum()), float((weights**2).sum()), heaviest)
