"""Whether a model is right as often as its confidence says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.evaluation.shares import Estimate, share

BINS = 15
"""As many as Guo et al. (2017) take."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Examples of like confidence; ``low`` and ``high`` are the least and the greatest confidence among them."""

    low: float
    high: float
    confidence: float
    """Mean confidence."""
    accuracy: Estimate
    examples: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """The expected calibration error, the table it comes from, and which way the error goes."""

    ece: float
    overconfidence: float
    """Mean confidence less accuracy: above 0 the model claims too much, below 0 too little."""
    bins: tuple[Bin, ...]


def reliability(confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Expected calibration error of N > 0 examples: how far accuracy is from confidence, over all bins on average.

    `confidence` is ``float[N]`` in 0..1, `right` ``bool[N]``. Guo et al. (2017), "On calibration of modern neural
    networks", ICML, equations 2 to 5; but over bins of equal mass, not width (Nixon et al. 2019, "Measuring
    calibration in deep learning"): zero-shot confidences crowd at one end, and most bins of equal width would hold
    next to nothing. Examples of the same confidence are never parted, so that their order does not matter.

    With few examples a bin's accuracy is off by chance alone, which counts as error: read a small figure with the
    bins' intervals.
    """
    count = min(bins, len(confidence))
    starts = np.arange(1, count) * len(confidence) // count
    edges = np.sort(confidence)[starts]
    bin_of = np.searchsorted(edges, confidence, side="right")
    rows = tuple(_bin(confidence[bin_of == each], right[bin_of == each]) for each in np.unique(bin_of))
    total = len(confidence)
    ece = sum(row.examples * abs(row.accuracy.value - row.confidence) for row in rows) / total
    return Reliability(float(ece), float(confidence.mean() - right.mean()), rows)


def _bin(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> Bin:
    return Bin(
        low=float(confidence.min()),
        high=float(confidence.max()),
        confidence=float(confidence.mean()),
        accuracy=share(int(right.sum()), len(right)),
        examples=len(right),
    )
