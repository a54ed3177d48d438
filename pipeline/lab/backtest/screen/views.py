"""From bounds of views to bounds of events: the worst view counts, and of a second look what is beyond its bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.lab.backtest.bounds import Array
from pipeline.rules.heads import SCORE_DIGITS

Rows = NDArray[np.intp]


def of_events(block: Block, rows: Rows, starts: Rows, low: Array, high: Array, lowest: Array) -> tuple[Array, Array]:
    """The low and high scores of N events, as rounded as scores are: ``float64[N,K]`` each.

    `low` and `high` are ``float64[V,K]`` of these `rows` of the block, of which each event's begin at `starts`.
    `lowest` has the least thresholds, as `CompiledPolicies.look` takes them.
    """
    if len(starts) == len(rows):
        return np.asarray(low.round(SCORE_DIGITS)), np.asarray(high.round(SCORE_DIGITS))
    block.need(["closer", "bar"])
    closer = np.asarray(block.rows["closer"].to_numpy()[rows], np.bool_)
    if not closer.any():
        return _worst(low, starts), _worst(high, starts)
    event = np.repeat(np.arange(len(starts)), np.diff([*starts, len(rows)]))
    bars = _bars(block.rows["bar"].to_numpy()[rows], closer, event, len(starts))
    needed = np.maximum(lowest, bars[:, np.newaxis])
    found = []
    for bounds in (low, high):
        first = _of(bounds, event, ~closer, len(starts))
        again = _of(bounds, event, closer, len(starts))
        found.append(np.maximum(first, np.where(again >= needed, again, 0.0)))
    return found[0], found[1]


def _worst(values: Array, starts: Rows) -> Array:
    """The greatest of each event's rows, rounded as scores are: rounding changes no order."""
    return np.asarray(np.maximum.reduceat(values, starts, axis=0).round(SCORE_DIGITS))


def _of(values: Array, event: Rows, some: NDArray[np.bool_], events: int) -> Array:
    """The worst of some rows; zeros for an event that has none of them."""
    found = np.zeros((events, values.shape[1]))
    there, starts = np.unique(event[some], return_index=True)
    if len(there):
        found[there] = _worst(values[some], starts)
    return found


def _bars(bar: NDArray[np.float64], closer: NDArray[np.bool_], event: Rows, events: int) -> Array:
    """``float64[N]``: each event's least score that counts of a second look."""
    bars = np.ones(events)
    there, at = np.unique(event[closer], return_index=True)
    bars[there] = bar[closer][at].astype(np.float64)
    return bars
