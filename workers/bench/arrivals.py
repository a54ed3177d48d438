"""Open-loop load: arrivals that wait for nobody, and what an ideal batcher would make of the very same ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random

import numpy as np


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Times of arrivals, seconds from the start, as independent users make them: exponential gaps of mean 1/rate."""
    random, times, now = Random(seed), [], 0.0
    while (now := now + random.expovariate(rate)) < seconds:
        times.append(now)
    return times


def ideal_latencies(
    arrivals: Sequence[float],
    decode: Callable[[int], float],
    forward: Callable[[int], float],
    most: int,
    *,
    apart: bool,
) -> list[float]:
    """Seconds from each arrival to its answer on a batcher that costs nothing but decode and forward pass.

    It takes whatever waits when it falls free, up to ``most``: decodes it, ``decode(n)`` seconds for n, then encodes
    it, ``forward(n)`` seconds. Where the device is ``apart`` from the cores (a GPU), the next batch is decoded while
    the last is encoded; else both take the same cores, one after the other.
    """
    latencies: list[float] = []
    decoder_free = device_free = 0.0
    first = 0
    while first < len(arrivals):
        start = max(arrivals[first], decoder_free if apart else device_free)
        count = 1
        while count < most and first + count < len(arrivals) and arrivals[first + count] <= start:
            count += 1
        decoder_free = start + decode(count)
        device_free = max(decoder_free, device_free) + forward(count)
        latencies += [device_free - arrival for arrival in arrivals[first : first + count]]
        first += count
    return latencies


def side_by_side(seconds: float, cores: int, count: int) -> float:
    """Seconds for ``count`` images that take ``seconds`` each, side by side on cores: no image is spread over two."""
    return math.ceil(count / cores) * seconds


def interpolated(measured: Sequence[tuple[int, float]]) -> Callable[[int], float]:
    """Seconds of a forward pass over n images, between and beyond the measured batch sizes (n, seconds)."""
    sizes, seconds = zip(*sorted(measured), strict=True)

    def forward(count: int) -> float:
        if count > sizes[-1]:
            return float(seconds[-1] * count / sizes[-1])
        return float(np.interp(count, sizes, seconds))

    return forward


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that a ``share`` (0 to 1) of them do not exceed; NaN where there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
