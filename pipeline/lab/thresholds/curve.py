"""One policy's scores on labelled images, and what every threshold makes of them: the precision-recall curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.evaluation.precision import MILLION, Counts, bayes, precision_of, rate
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.evaluation.weighted import Tally
from pipeline.lab.reviews.reviewed import Numbers, Reviewed

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quality:
    """What a threshold costs and brings on the data; rates are per million images."""

    counts: Counts
    precision: Estimate
    """Its value is NaN where nothing is flagged."""
    recall: Estimate
    false_per_million: Estimate
    """Of a million images that do *not* show it, so no guess of the prevalence enters; NaN without any such."""
    flagged_per_million: float
    """Of a million images of the stream, at the prevalence given or else the data's; NaN where they cannot tell."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the precision-recall curve."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Curve:
    """Images by score. Build it with `curve_of`, or of reviews with `curve_of_reviews`.

    A threshold t flags the scores >= t, so only the M distinct scores make a difference: column i of each array
    belongs to the thresholds above ``levels[i-1]`` up to ``levels[i]``.
    """

    levels: Floats
    """``float64[M]``, ascending."""
    hits: Floats
    """``float64[M]``: positives that score at least ``levels[i]``; of reviews, how many images those stand for."""
    false: Floats
    """``float64[M]``: negatives that score at least ``levels[i]``, likewise."""
    positives: int
    """Images that were looked at and show it."""
    negatives: int
    sample: Reviewed | None = None
    """The reviews behind it, where it is of reviews."""

    @cached_property
    def told(self) -> Flags:
        """``bool[M]``: at which columns the data may speak for every image from there on, as data always do."""
        if self.sample is None:
            return np.ones(len(self.levels), bool)
        return self.sample.told_from(self.levels)

    @cached_property
    def least(self) -> float:
        """No threshold below this one is spoken for, for lack of images that were looked at."""
        return 0.0 if self.sample is None or self.complete else float(self.levels[0])

    @cached_property
    def complete(self) -> bool:
        """Whether the data may speak for all images, so that recall can be told."""
        return self.sample is None or self.sample.at(0.0).told

    @cached_property
    def worth(self) -> tuple[int, int]:
        """How many positives and negatives of equal weight would tell as much: Kish (1965), "Survey sampling"."""
        if self.sample is None:
            return self.positives, self.negatives
        everything = self.sample.at(0.0)
        return _equal(everything.hits), _equal(everything.false)

    def worth_from(self, threshold: float) -> int:
        """How many images of equal weight would tell as much as those from the threshold on, as in `worth`."""
        if self.sample is None:
            counts = self.counts(threshold)
            return counts.hits + counts.false
        found = self.sample.at(threshold)
        return _equal(found.hits, found.false)

    @cached_property
    def one(self) -> float:
        """How many images a positive or negative stands for, by the weight of those that stand for most."""
        if self.sample is None:
            return 1.0
        judged = self.sample.weights[~self.sample.unsure]
        return float((judged**2).sum() / judged.sum())

    def remarks(self, threshold: float) -> Iterator[str]:
        """What the data leave open at that threshold."""
        return iter(()) if self.sample is None else self.sample.at(threshold).remarks()

    def level_of(self, threshold: float) -> int:
        """The column that a threshold belongs to; M where it is above all scores."""
        return int(np.searchsorted(self.levels, threshold, side="left"))

    def counts(self, threshold: float) -> Counts:
        """Of the images that were looked at; they have no weights here."""
        if self.sample is not None:
            found = self.sample.at(threshold)
            return Counts(found.hits.images, self.positives, found.false.images, self.negatives)
        at = self.level_of(threshold)
        none = at == len(self.levels)
        hits, false = (0, 0) if none else (int(self.hits[at]), int(self.false[at]))
        return Counts(hits, self.positives, false, self.negatives)

    def quality(self, threshold: float, prevalence: float | None) -> Quality:
        """What a threshold does; a prevalence is for data without weights, which are no sample of the stream."""
        counts = self.counts(threshold)
        if self.sample is not None:
            return _sampled(counts, self.sample.at(threshold))
        recall = rate(counts.hits, counts.positives)
        false = rate(counts.false, counts.negatives)
        share = counts.positives / (counts.positives + counts.negatives) if prevalence is None else prevalence
        flagged = sum(each * part for each, part in ((recall.value, share), (false.value, 1 - share)) if part)
        precision = precision_of(counts, prevalence)
        per_million = Estimate(*(each * MILLION for each in (false.value, false.low, false.high)))
        return Quality(counts, precision, recall, per_million, flagged * MILLION)

    def precision(self, prevalence: float | None) -> Floats:
        """``float64[M]``: the precision of each column; see `precision_of` for what a prevalence does."""
        if prevalence is None:
            return np.asarray(self.hits / (self.hits + self.false))
        recall, false = self.hits / self.positives, self.false / max(1, self.negatives)
        pairs = zip(recall, false, strict=True)
        return np.array([bayes(float(r), float(f), prevalence) for r, f in pairs], np.float64)

    def points(self, prevalence: float | None = None) -> list[Point]:
        """The curve from high thresholds to low, a point wherever recall grows (at most one for each positive).

        There is none where recall cannot be told.
        """
        precision = self.precision(prevalence)
        if not self.positives or not self.complete:
            return []
        grows = np.diff(self.hits, append=0) < 0
        points = zip(self.levels[grows], precision[grows], self.hits[grows] / self.hits[0], strict=True)
        return [Point(float(t), float(p), float(r)) for t, p, r in points][::-1]


def _equal(*of: Tally) -> int:
    squares = sum(each.squares for each in of)
    return int(sum(each.weight for each in of) ** 2 / squares) if squares else 0


def _sampled(counts: Counts, found: Numbers) -> Quality:
    return Quality(counts, found.precision, found.recall, found.false_per_million, found.flagged_per_million)


def curve_of(scores: Floats, positive: Flags) -> Curve:
    """Sort ``float64[N]`` scores and count what each would flag; ``bool[N]`` says which images show it."""
    return _curve_of(scores, positive, np.ones(len(scores)), None)


def curve_of_reviews(sample: Reviewed) -> Curve:
    """The curve of a stream, as far as reviews can tell; images that were left unsure have no part in it."""
    judged = ~sample.unsure
    return _curve_of(sample.scores[judged], sample.shows[judged], sample.weights[judged], sample)


def _curve_of(scores: Floats, positive: Flags, weights: Floats, sample: Reviewed | None) -> Curve:
    levels, at = np.unique(scores, return_inverse=True)
    hits = np.bincount(at[positive], weights[positive], minlength=len(levels))
    false = np.bincount(at[~positive], weights[~positive], minlength=len(levels))
    return Curve(
        levels=levels.astype(np.float64),
        hits=_from_above(hits),
        false=_from_above(false),
        positives=int(positive.sum()),
        negatives=int((~positive).sum()),
        sample=sample,
    )


def _from_above(weights: NDArray[Any]) -> Floats:
    """Add up the weights of each level and all above it."""
    return np.asarray(weights[::-1].cumsum()[::-1], np.float64)


def average_precision(points: list[Point]) -> float:
    """The precision at each step of recall, weighted by the step: the area under the curve, not interpolated."""
    total = reached = 0.0
    for point in points:
        total += (point.recall - reached) * point.precision
        reached = point.recall
    return total


def precision_at_recall(points: list[Point], recall: float) -> float:
    """The best precision at that recall or a higher one, called interpolated precision; 0 where none is so high.

    Manning, Raghavan & Schuetze (2008), "Introduction to Information Retrieval", section 8.4.
    """
    return max((point.precision for point in points if point.recall >= recall - 1e-12), default=0.0)
