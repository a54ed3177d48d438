"""95 % confidence intervals of shares, and of what shares are compared by: differences and ratios.

All are closed forms that hold for few examples and for shares of 0 and 1, where the textbook's normal interval has no
width. None draws random numbers, so a figure repeats exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf, sqrt
from statistics import NormalDist

from pipeline.rules.wilson import LEVEL, Z, wilson


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value and the ends of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def simultaneous(comparisons: int) -> float:
    """`Z` for intervals that hold for that many comparisons at once (Bonferroni's inequality)."""
    return NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / comparisons)


def share(hits: int, total: int, z: float = Z) -> Estimate:
    """``hits / total`` with the interval of `wilson`. Raises ``ValueError`` when `total` is not positive."""
    low, high = wilson(hits, total, z)
    return Estimate(hits / total, low, high)


def difference(a: tuple[int, int], b: tuple[int, int], z: float = Z) -> Estimate:
    """Share a minus share b, each (hits, total) of examples of its own.

    Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in Medicine
    17, 873-890, method 10: Wilson's limits of the two, combined.
    """
    one, two = share(*a, z), share(*b, z)
    value = one.value - two.value
    down = hypot(one.value - one.low, two.high - two.value)
    up = hypot(one.high - one.value, two.value - two.low)
    return Estimate(value, value - down, value + up)


def paired_difference(gained: int, lost: int, total: int) -> Estimate:
    """Share b minus share a on the same examples: b is right and a wrong on `gained`, a right and b wrong on `lost`.

    Bonett and Price (2012), "Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data", Journal of Educational and Behavioral Statistics 37, 479-488.
    """
    p, q = (gained + 1) / (total + 2), (lost + 1) / (total + 2)
    half = Z * sqrt((p + q - (p - q) ** 2) / (total + 2))
    value = (gained - lost) / total
    return Estimate(value, min(value, max(-1.0, p - q - half)), max(value, min(1.0, p - q + half)))


def ratio(a: tuple[int, int], b: tuple[int, int]) -> Estimate | None:
    """Share a over share b, each (hits, total) of examples of its own; None where share b is 0.

    Wilson's limits of the two, combined as in `least_ratio`.
    """
    one, two = share(*a), share(*b)
    if two.value == 0:
        return None
    value, inverse = one.value / two.value, least_ratio(two, one)
    high = 1 / inverse if inverse else inf
    return Estimate(value, min(value, least_ratio(one, two)), max(value, high))


def least_ratio(one: Estimate, two: Estimate) -> float:
    """The lower end of the interval of ``one / two``, which are independent and not below 0.

    The "method of variance estimates recovery": Donner and Zou (2012), "Closed-form confidence intervals for
    functions of the normal mean and standard deviation", Statistical Methods in Medical Research 21, 347-359. The
    upper end is one over the lower end of ``two / one``.
    """
    product = one.value * two.value
    least = one.low * (2 * one.value - one.low)
    # A product of squares less what is smaller: never below 0 but for rounding.
    root = sqrt(max(0.0, product**2 - least * two.high * (2 * two.value - two.high)))
    return least / (product + root) if product + root else 0.0
