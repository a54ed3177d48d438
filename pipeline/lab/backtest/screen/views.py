"""From bounds of views to bounds of events: the worst view counts, and of a second look what is beyond its bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.lab.backtest.bounds import Array, Bounds
from pipeline.rules.heads import SCORE_DIGITS


def of_events(block: Block, low: Array, high: Array, lowest: Array) -> Bounds:
    """`low` and `high` are ``float64[V,K]``, `lowest` the least thresholds, as `CompiledPolicies.look` takes them."""
    starts = block.offsets[:-1]
    if len(starts) == len(low):
        return Bounds(np.asarray(low.round(SCORE_DIGITS)), np.asarray(high.round(SCORE_DIGITS)))
    closer = np.asarray(block.need(["closer"]).rows["closer"].to_numpy(), np.bool_)
    if not closer.any():
        return Bounds(_worst(low, starts), _worst(high, starts))
    event = np.repeat(np.arange(block.events), np.diff(block.offsets))
    first = _bounds(low, high, event, ~closer, block.events)
    again = _bounds(low, high, event, closer, block.events)
    bars = np.maximum(lowest, _bars(block, closer, event)[:, np.newaxis])
    return Bounds(
        np.maximum(first.low, np.where(again.low >= bars, again.low, 0.0)),
        np.maximum(first.high, np.where(again.high >= bars, again.high, 0.0)),
    )


def _worst(values: Array, starts: NDArray[np.int64]) -> Array:
    """The greatest of each event's rows, rounded as scores are: rounding changes no order."""
    reduced = values if len(starts) == len(values) else np.maximum.reduceat(values, starts, axis=0)
    return np.asarray(reduced.round(SCORE_DIGITS))


def _bounds(low: Array, high: Array, event: NDArray[np.intp], rows: NDArray[np.bool_], events: int) -> Bounds:
    """The worst of some rows; zeros for an event that has none of them."""
    found = [np.zeros((events, low.shape[1])) for _ in range(2)]
    there, starts = np.unique(event[rows], return_index=True)
    if len(there):
        for into, values in zip(found, (low, high), strict=True):
            into[there] = _worst(values[rows], starts)
    return Bounds(*found)


def _bars(block: Block, closer: NDArray[np.bool_], event: NDArray[np.intp]) -> Array:
    """``float64[E]``: each event's least score that counts of a second look."""
    bars = np.ones(block.events)
    there, at = np.unique(event[closer], return_index=True)
    bars[there] = block.need(["bar"]).rows["bar"].to_numpy()[closer][at].astype(np.float64)
    return bars
