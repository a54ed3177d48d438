"""One policy's scores on labelled images, and what every threshold makes of them: the precision-recall curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.evaluation.precision import MILLION, Counts, bayes, precision_of, rate
from pipeline.lab.evaluation.shares import Estimate

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
    """Images by score. Build it with `curve_of`.

    A threshold t flags the scores >= t, so only the M distinct scores make a difference: column i of each array
    belongs to the thresholds above ``levels[i-1]`` up to ``levels[i]``.
    """

    levels: Floats
    """``float64[M]``, ascending."""
    hits: NDArray[np.int64]
    """``int64[M]``: positives that score at least ``levels[i]``."""
    false: NDArray[np.int64]
    """``int64[M]``: negatives that score at least ``levels[i]``."""
    positives: int
    negatives: int

    def level_of(self, threshold: float) -> int:
        """The column that a threshold belongs to; M where it is above all scores."""
        return int(np.searchsorted(self.levels, threshold, side="left"))

    def counts(self, threshold: float) -> Counts:
        at = self.level_of(threshold)
        none = at == len(self.levels)
        hits, false = (0, 0) if none else (int(self.hits[at]), int(self.false[at]))
        return Counts(hits, self.positives, false, self.negatives)

    def quality(self, threshold: float, prevalence: float | None) -> Quality:
        counts = self.counts(threshold)
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
        """The curve from high thresholds to low, a point wherever recall grows (at most one for each positive)."""
        precision = self.precision(prevalence)
        grows = np.diff(self.hits, append=0) < 0
        points = zip(self.levels[grows], precision[grows], self.hits[grows] / self.positives, strict=True)
        return [Point(float(t), float(p), float(r)) for t, p, r in points][::-1]


def curve_of(scores: Floats, positive: Flags) -> Curve:
    """Sort ``float64[N]`` scores and count what each would flag; ``bool[N]`` says which images show it."""
    levels, at = np.unique(scores, return_inverse=True)
    hits = np.bincount(at[positive], minlength=len(levels))
    false = np.bincount(at[~positive], minlength=len(levels))
    return Curve(
        levels=levels.astype(np.float64),
        hits=_from_above(hits),
        false=_from_above(false),
        positives=int(positive.sum()),
        negatives=int((~positive).sum()),
    )


def _from_above(counts: NDArray[np.intp]) -> NDArray[np.int64]:
    """Add up the counts of each level and all above it."""
    return np.asarray(counts[::-1].cumsum()[::-1], np.int64)


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
