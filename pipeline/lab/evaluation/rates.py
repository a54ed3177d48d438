"""How often something happens in a day, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from pipeline.lab.evaluation.shares import Estimate
from pipeline.rules.wilson import Z

_LEAST_DAYS = 3


def a_day(count: int, days: float, whole_days: Sequence[int] = ()) -> Estimate | None:
    """``count / days`` with a 95 % interval; None without any time.

    Byar's closed form of the exact Poisson interval (Breslow and Day 1987, "Statistical Methods in Cancer Research"
    II, 69). What comes in bursts varies more than that: where the counts of three or more `whole_days` do, the
    interval is that of as many fewer events as their variance is greater than their mean (quasi-Poisson).
    """
    if days <= 0:
        return None
    spread = _dispersion(whole_days)
    events = count / spread
    low = events * (1 - 1 / (9 * events) - Z / (3 * sqrt(events))) ** 3 if events else 0.0
    more = events + 1
    high = more * (1 - 1 / (9 * more) + Z / (3 * sqrt(more))) ** 3
    value = count / days
    return Estimate(value, min(value, max(0.0, low) * spread / days), max(value, high * spread / days))


def _dispersion(counts: Sequence[int]) -> float:
    """The variance over the mean, 1 at least; 1 where too few days tell."""
    if len(counts) < _LEAST_DAYS or not any(counts):
        return 1.0
    mean = sum(counts) / len(counts)
    return max(1.0, sum((each - mean) ** 2 for each in counts) / (len(counts) - 1) / mean)
