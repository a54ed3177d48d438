"""Between which ends a share lies that was counted."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
"""Standard deviations of a normal distribution on either side that hold 95 % of it: 1.96."""


def wilson(hits: int, total: int, z: float = Z) -> tuple[float, float]:
    """The score interval of Wilson (1927), "Probable inference", JASA 22, 209-212, of ``hits / total``.

    Raises ``ValueError`` when `total` is not positive.
    """
    if total <= 0:
        raise ValueError("a share of nothing")
    p = hits / total
    shrink = 1 + z * z / total
    centre = (p + z * z / (2 * total)) / shrink
    half = z * sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2) / shrink
    # At 0 and 1 the interval ends there exactly; rounding may put the value just outside.
    return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))
