"""Totals and shares from images that were chosen with known, unequal chances: each stands for one over its chance.

The estimates are those of Horvitz and Thompson (1952), "A generalization of sampling without replacement from a
finite universe", JASA 47, 663-685, for a total, and of Hajek (1971), in "Foundations of Statistical Inference", p.
236, for a share: the ratio of two such totals. An image that could not have been chosen has no part in either.

Intervals hold for few images, for totals of 0 and for shares of 0 and 1, where a variance that is estimated by
linearisation or by a bootstrap is 0, and an interval made of it has no width. Images are taken to be chosen
independently of each other (Poisson sampling), from a stream that goes on: images that were all looked at have an
interval, too. Nothing here draws random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.lab.evaluation.shares import Estimate, least_ratio
from pipeline.rules.wilson import Z


@dataclass(frozen=True, slots=True)
class Tally:
    """Some of the images that were looked at, with weights of 1 or more."""

    images: int
    weight: float
    """The sum of their weights: how many images they stand for, the Horvitz-Thompson estimate."""
    squares: float
    """The sum of the squares of their weights."""
    heaviest: float
    """The greatest weight of any image that might have been among them."""


def total(of: Tally, z: float = Z) -> Estimate:
    """How many images there are like these.

    The gamma interval of Fay and Feuer (1997), "Confidence intervals for directly standardized rates", Statistics in
    Medicine 16, 791-801, which is Poisson's exact interval where all weights are equal. Quantiles of chi square are
    those of Wilson and Hilferty (1931), "The distribution of chi-square", PNAS 17, 684-688, within 3 % here but for
    the lower end of one or two images, which they put too low.
    """
    low = 0.0
    if of.images:
        low = of.squares / (2 * of.weight) * _chi_square(2 * of.weight**2 / of.squares, -z)
    weight, squares = of.weight + of.heaviest, of.squares + of.heaviest**2
    high = squares / (2 * weight) * _chi_square(2 * weight**2 / squares, z) if weight else 0.0
    return Estimate(of.weight, min(low, of.weight), max(high, of.weight))


def part(these: Tally, rest: Tally, z: float = Z) -> Estimate:
    """The share that `these` have of what both stand for; NaN, with an interval of 0 to 1, where both are empty.

    The intervals of both totals are combined as in `shares.least_ratio`.
    """
    if not these.images and not rest.images:
        return Estimate(math.nan, 0.0, 1.0)
    one, other = total(these, z), total(rest, z)
    value = these.weight / (these.weight + rest.weight)
    low, high = _share_of(least_ratio(one, other)), 1 - _share_of(least_ratio(other, one))
    return Estimate(value, min(value, low), max(value, high))


def _share_of(odds: float) -> float:
    return odds / (1 + odds)


def _chi_square(degrees: float, z: float) -> float:
    """The quantile of chi square that has the probability which `z` has of a normal distribution."""
    spread = 2 / (9 * degrees)
    return degrees * float(max(0.0, 1 - spread + z * math.sqrt(spread)) ** 3)
