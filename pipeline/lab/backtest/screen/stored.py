"""Whether the log-sum-exp that a segment has of its background can be taken for that of the texts at hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.lab.backtest.screen.errors import STORED
from pipeline.lab.backtest.screen.plan import Plan

LOOKED_AT = 16
"""Rows of each segment for which it is computed again."""


class Stored:
    """Says what is stored for a block, by digest. Segments are looked at when their first block comes."""

    def __init__(self) -> None:
        self._agree: dict[tuple[str, str], bool] = {}
        self._segment = ""

    def of(self, block: Block, plan: Plan, scale: float) -> NDArray[np.float32] | None:
        """``float32[V]``; None where some row has none, or one of another background or of other texts."""
        if not plan.digest or _digest(block) != plan.digest:
            return None
        found: NDArray[np.float32] = block.rows["background_lse"].to_numpy()
        if not np.isfinite(found).all():
            return None
        if block.segment.path != self._segment:
            self._segment, self._agree = block.segment.path, {}
        key = (block.segment.path, plan.digest)
        if key not in self._agree:
            rows = np.linspace(0, len(found) - 1, min(LOOKED_AT, len(found))).astype(np.intp)
            self._agree[key] = bool(
                np.abs(_log_sum(block.views(rows), plan, scale) - found[rows]).max() <= STORED / 4
            )
        return found if self._agree[key] else None


def _digest(block: Block) -> str:
    """Of the background of all rows; empty where they differ, or have none."""
    digests = set()
    for chunk in block.rows["background"].chunks:
        if chunk.null_count:
            return ""
        digests |= set(chunk.unique().to_pylist() if len(chunk.dictionary) > 1 else chunk.dictionary.to_pylist())
    return digests.pop() if len(digests) == 1 else ""


def _log_sum(features: NDArray[np.float16], plan: Plan, scale: float) -> NDArray[np.float64]:
    logits = features.astype(np.float64) @ plan.background.T.astype(np.float64) * scale
    highest = logits.max(axis=1)
    return np.asarray(highest + np.log(np.exp(logits - highest[:, np.newaxis]).sum(axis=1)))
