"""How far one day lies from other days, and whether days differ so much by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

LEAST_DAYS = 19
"""Days to compare with before anything can be more than chance: the rank of one day among 20 is worth 5 %."""


def stability(one: Counts, other: Counts) -> float:
    """The population stability index of two histograms over the same bins; 0 is the same.

    The sum of ``(p - q) ln(p / q)`` (Lewis 1994, "An introduction to credit scoring"), which is Jeffreys' divergence,
    less what it has by chance alone where both are draws of one distribution: ``(bins - 1) (1/n + 1/m)`` (Yurdakul
    and Naranjo 2020, "Statistical properties of the population stability index", Journal of Risk Model Validation
    14). So it may be a little below 0, and days of different sizes compare. Half a count is added to each bin that
    either has.
    """
    held = (one + other) > 0
    n, m = int(one.sum()), int(other.sum())
    if not n or not m:
        return 0.0
    p, q = ((counts[held] + 0.5) / (counts[held] + 0.5).sum() for counts in (one, other))
    index = float(((p - q) * np.log(p / q)).sum())
    return index - (int(held.sum()) - 1) * (1 / n + 1 / m)


def each_against_the_others(days: Counts) -> Floats:
    """``float64[N]``: the `stability` of each of N days, ``int64[N,B]``, against all the others together."""
    total = days.sum(axis=0)
    return np.array([stability(day, total - day) for day in days])


def mean_shift(one: Floats, other: Floats) -> float:
    """One minus the cosine of two mean directions, from 0 to 2."""
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return max(0.0, 1 - float(one @ other) / size) if size else 0.0


def discrepancies(days: Sequence[Floats]) -> Floats:
    """``float64[N]``: the squared maximum mean discrepancy of each day's rows, ``[n,D]``, from all the others'.

    Gretton et al. (2012), "A kernel two-sample test", JMLR 13, 723-773, lemma 6 (unbiased, so it may be below 0),
    with the kernel ``exp(-(1 - cosine) / width)``, whose width is the median of ``1 - cosine`` of pairs of rows. A
    day of fewer than two rows, or alone, has 0.
    """
    sizes = [len(day) for day in days]
    starts = np.cumsum([0, *sizes])
    rows = np.concatenate(days).astype(np.float32)
    apart = 1 - rows @ rows.T
    width = max(float(np.median(apart[np.triu_indices(len(rows), 1)])), 1e-6) if len(rows) > 1 else 1.0
    kernel = np.exp(-apart / width)
    between = np.add.reduceat(np.add.reduceat(kernel, starts[:-1], axis=0, dtype=np.float64), starts[:-1], axis=1)
    own = np.add.reduceat(np.diag(kernel), starts[:-1], dtype=np.float64)
    return np.array([_discrepancy(between, own, np.array(sizes), day) for day in range(len(days))])


def _discrepancy(between: Floats, own: Floats, sizes: Counts, day: int) -> float:
    others = np.arange(len(sizes)) != day
    n, m = int(sizes[day]), int(sizes[others].sum())
    if n < 2 or m < 2:  # noqa: PLR2004 - a pair
        return 0.0
    within = (between[day, day] - own[day]) / (n * (n - 1))
    rest = (between[np.ix_(others, others)].sum() - own[others].sum()) / (m * (m - 1))
    return float(within + rest - 2 * between[day, others].sum() / (n * m))


def chance(last: float, before: Floats) -> float | None:
    """How often the last of N+1 days would be as far out as it is if days came in any order; None of too few days.

    The rank of the last among all of them, which holds whatever their distribution is, and where images of one day
    are alike: Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random world", section 2.2. None below
    `LEAST_DAYS`, where no rank could be worth 5 %.
    """
    if len(before) < LEAST_DAYS:
        return None
    return (1 + int((before >= last).sum())) / (len(before) + 1)
