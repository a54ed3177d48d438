"""A best guess at a threshold, where there are too few images to show that any reaches its target.

Of the cuts that part the images, each has a precision that it may be expected to have: not hits / flagged, which is 1
for a single hit, but its mean under Jeffreys' prior, (hits + 1/2) / (flagged + 1), as if half an image more of either
kind had been flagged. Brown, Cai and DasGupta (2001), "Interval estimation for a binomial proportion", Statistical
Science 16, 101-133, advise it for few images. Recall and false positive rate have theirs likewise.

The guess is the lowest cut of which the target may be expected; where there is none, the cut from which most may be.
Where images that show it all score higher than those that do not, that is the cut between the two. No guess is one
that its own images refute: the interval of what the cut does has to reach the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.lab.evaluation.precision import MILLION
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.thresholds.curve import Curve, Flags, Floats
from pipeline.lab.thresholds.targets import Target


@dataclass(frozen=True, slots=True)
class Guess:
    """The column of a curve to cut at."""

    at: int
    expected: bool
    """Whether the target may be expected of it, or only as much as may be."""


def best_guess(curve: Curve, target: Target, prevalence: float | None, lowest: int) -> Guess | None:
    """The guess from column `lowest` on; None where no image there shows it, or none at all does not.

    Without any image that does not show it, nothing says how low is too low.
    """
    columns: Flags = (curve.hits > 0) & curve.told & (np.arange(len(curve.hits)) >= lowest)
    if not columns.any() or not curve.negatives:
        return None
    wanted = columns & expected(curve, target, prevalence)
    at = int(wanted.argmax())
    if not wanted.any():
        # The greatest precision, or the fewest false: of those that are equal the lowest, which finds most.
        of_precision = target.precision is not None
        merit = _expected_precision(curve, prevalence) if of_precision else -_expected_false(curve)
        at = int(np.where(columns, merit, -np.inf).argmax())
    return Guess(at, bool(wanted.any()))


def expected(curve: Curve, target: Target, prevalence: float | None) -> Flags:
    """``bool[M]``: of which columns the target may be expected."""
    columns: Flags = np.ones(len(curve.levels), bool)
    if target.precision is not None:
        columns &= _expected_precision(curve, prevalence) >= target.precision
    if target.false_positives is not None:
        columns &= _expected_false(curve) * MILLION <= target.false_positives
    return columns


def _expected_precision(curve: Curve, prevalence: float | None) -> Floats:
    """``float64[M]``: what each column's precision may be expected to be."""
    half = curve.one / 2
    if prevalence is None:
        return np.asarray((curve.hits + half) / (curve.hits + curve.false + 2 * half))
    right = prevalence * (curve.hits + half) / (curve.hits[0] + 2 * half)
    return np.asarray(right / (right + (1 - prevalence) * _expected_false(curve)))


def _expected_false(curve: Curve) -> Floats:
    """``float64[M]``: of images that do not show it, the share that each column may be expected to flag."""
    half = curve.one / 2
    return np.asarray((curve.false + half) / (curve.false[0] + 2 * half))


def basis(curve: Curve, threshold: float) -> str:
    """What a guess at a threshold rests on, in words."""
    quality = curve.quality(threshold, None)
    counts = quality.counts
    found = f"{counts.hits} of {counts.positives} that show it ({_span(quality.recall)})"
    false = f"{counts.false} of {counts.negatives} that do not ({_span(_share(quality.false_per_million))})"
    separate = counts.hits == counts.positives and not counts.false
    parted = "they are told apart without a mistake, and it stands between them: " if separate else ""
    return f"a best guess from few images: {parted}it flags {found} and {false}"


def refuted(curve: Curve, threshold: float, target: Target, prevalence: float | None) -> str:
    """What its own images say against a guess; "" where they leave the target possible."""
    quality, against = curve.quality(threshold, prevalence), []
    if target.precision is not None and quality.precision.high < target.precision:
        against.append(f"a precision of {_span(quality.precision)}")
    if target.false_positives is not None and quality.false_per_million.low > target.false_positives:
        low, high = quality.false_per_million.low, quality.false_per_million.high
        against.append(f"{low:,.0f} to {high:,.0f} false positives per million")
    if not against:
        return ""
    counts = quality.counts
    return (
        f"the best cut flags {counts.hits:,} of {counts.positives:,} that show it and {counts.false:,} of"
        f" {counts.negatives:,} that do not, {' and '.join(against)}"
    )


def _share(per_million: Estimate) -> Estimate:
    return Estimate(*(each / MILLION for each in (per_million.value, per_million.low, per_million.high)))


def _span(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.0f} to {100 * estimate.high:.0f} %"
