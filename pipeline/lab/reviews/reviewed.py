"""Reviewed images with their scores under one policy: what a threshold finds, misses and flags wrongly."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.evaluation.precision import MILLION
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.evaluation.weighted import Tally, part, total
from pipeline.rules.heads import SCORE_DIGITS
from pipeline.rules.reviews.settled import Labelled, PolicyReviews

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
BINS = 10_000
"""Into which scores are counted: a count is exact for thresholds of four digits or less."""


@dataclass(frozen=True)
class Population:
    """Every image that was decided, by its score under one policy."""

    counts: NDArray[np.int64]
    """``int64[BINS + 1]``: how many score from ``i / BINS`` up to the next."""

    @classmethod
    def of(cls, images: int, at_least: Mapping[float, int]) -> Population:
        """So many images, of which these thresholds, and no others, are known to be reached by so many."""
        counts, above = np.zeros(BINS + 1, np.int64), 0
        for threshold, reach in sorted(at_least.items(), reverse=True):
            counts[_bin(threshold)] += reach - above
            above = reach
        counts[0] += images - above
        return cls(counts)

    @cached_property
    def images(self) -> int:
        return self.at_least(0.0)

    def at_least(self, threshold: float) -> int:
        """How many reach that threshold."""
        return int(self.counts[_bin(threshold) :].sum())


class Counter:
    """Counts scores as they come, in memory that does not grow."""

    def __init__(self) -> None:
        self.population = Population(np.zeros(BINS + 1, np.int64))

    def count(self, scores: Floats) -> None:
        """Take scores as decisions have them, rounded to `SCORE_DIGITS`."""
        self.population.counts[:] += np.bincount(bins_of(scores), minlength=BINS + 1)


def bins_of(scores: Floats) -> NDArray[np.int64]:
    """Where scores are counted, as decisions have them."""
    return np.asarray(np.rint(scores * 10**SCORE_DIGITS).astype(np.int64) // (10**SCORE_DIGITS // BINS))


def _bin(threshold: float) -> int:
    return int(round(threshold * 10**SCORE_DIGITS) // (10**SCORE_DIGITS // BINS))


@dataclass(frozen=True, slots=True)
class Side:
    """The images on one side of a threshold: how many there are, and for how many of them reviews can speak."""

    images: int
    reviewed: int
    """How many were looked at, with whatever outcome."""
    stands_for: Estimate
    """How many those stand for."""

    @property
    def told(self) -> bool:
        """Whether the reviews may stand for all of them. Where they cannot, some had no chance to be looked at."""
        return self.stands_for.high >= self.images


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a threshold does, as far as reviews can tell. Shares are of the stream, not of what was reviewed."""

    threshold: float
    hits: Tally
    """Reviewed images that show it and are flagged."""
    false: Tally
    """Those that do not and are."""
    misses: Tally
    """Those that do and are not."""
    passed: Tally
    """Those that do not and are not."""
    flagged: Side
    below: Side

    @property
    def precision(self) -> Estimate:
        """The share of the flagged that show it; of those alone that had a chance where `flagged` is not told."""
        return part(self.hits, self.false)

    @property
    def recall(self) -> Estimate:
        """The share of all that show it which is flagged; NaN where the reviews cannot tell."""
        return part(self.hits, self.misses) if self.told else Estimate(math.nan, 0.0, 1.0)

    @property
    def false_per_million(self) -> Estimate:
        """How many are flagged of a million that do not show it; NaN where the reviews cannot tell."""
        rate = part(self.false, self.passed) if self.told else Estimate(math.nan, 0.0, 1.0)
        return Estimate(*(each * MILLION for each in (rate.value, rate.low, rate.high)))

    @property
    def flagged_per_million(self) -> float:
        """How many are flagged of a million images: counted, not estimated."""
        images = self.flagged.images + self.below.images
        return self.flagged.images / images * MILLION if images else math.nan

    @property
    def told(self) -> bool:
        """Whether the reviews may speak for every image, so that what was missed can be told."""
        return self.flagged.told and self.below.told

    def remarks(self) -> Iterator[str]:
        """In words what the reviews leave open."""
        if not self.flagged.told:
            yield (
                f"of {self.flagged.images:,} images from {self.threshold:g} on, reviews stand for"
                f" {self.flagged.stands_for.value:,.0f}: the precision is that of those alone"
            )
        if not self.below.told:
            looked = (
                f"reviews stand for {self.below.stands_for.value:,.0f}"
                if self.below.reviewed
                else "none was reviewed"
            )
            yield f"of {self.below.images:,} images below {self.threshold:g}, {looked}: recall cannot be told"


@dataclass(frozen=True)
class Reviewed:
    """The N reviewed images of one policy that were found, ascending by score; those left unsure among them."""

    scores: Floats
    weights: Floats
    shows: Flags
    unsure: Flags
    population: Population
    reviews: PolicyReviews
    missing: int = 0
    """Reviewed images that are not among those that were looked through."""

    def at(self, threshold: float) -> Numbers:
        """What flagging from that threshold on does."""
        flagged = self.scores >= threshold
        judged = ~self.unsure
        images = self.population.at_least(threshold)
        return Numbers(
            threshold,
            hits=self._tally(flagged, judged & self.shows),
            false=self._tally(flagged, judged & ~self.shows),
            misses=self._tally(~flagged, judged & self.shows),
            passed=self._tally(~flagged, judged & ~self.shows),
            flagged=self._side(flagged, images),
            below=self._side(~flagged, self.population.images - images),
        )

    def told_from(self, levels: Floats) -> Flags:
        """``bool[M]``: for each of these scores, whether the reviews may stand for every image from there on."""
        starts = np.searchsorted(self.scores, levels, side="left").tolist()
        weight, squares = (np.append(_from_above(each), 0.0) for each in (self.weights, self.weights**2))
        heaviest = np.maximum.accumulate(self.weights[::-1])[::-1]
        most = [*heaviest.tolist(), float(self.weights.max(initial=1.0))]
        return np.array(
            [
                total(Tally(len(self.scores) - at, float(weight[at]), float(squares[at]), most[at])).high
                >= self.population.at_least(level)
                for at, level in zip(starts, levels.tolist(), strict=True)
            ],
            bool,
        )

    def _side(self, within: Flags, images: int) -> Side:
        return Side(images, int(within.sum()), total(self._tally(within, within)))

    def _tally(self, within: Flags, of: Flags) -> Tally:
        """Those `of` the images within a side. The heaviest of the side might have been one of them."""
        weights = self.weights[within & of]
        side = self.weights[within] if within.any() else self.weights
        return Tally(len(weights), float(weights.sum()), float((weights**2).sum()), float(side.max(initial=1.0)))


def _from_above(values: Floats) -> Floats:
    return np.asarray(values[::-1].cumsum()[::-1])


def reviewed(scored: Sequence[tuple[Labelled, float]], population: Population, reviews: PolicyReviews) -> Reviewed:
    """The reviewed images that were found, each with its score, in any order."""
    ascending = sorted(scored, key=lambda each: each[1])
    return Reviewed(
        scores=np.array([score for _, score in ascending], np.float64),
        weights=np.array([label.weight for label, _ in ascending], np.float64),
        shows=np.array([label.label == "yes" for label, _ in ascending], bool),
        unsure=np.array([label.label == "unsure" for label, _ in ascending], bool),
        population=population,
        reviews=reviews,
        missing=len(reviews.labels) - len(scored),
    )
