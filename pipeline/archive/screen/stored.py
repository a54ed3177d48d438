"""Whether what stands beside a segment's features is believed: its background's log-sum-exp, and coarse features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.archive.coarse import Coarse
from pipeline.archive.screen.errors import STORED
from pipeline.archive.screen.plan import Plan

LOOKED_AT = 16
"""Rows of each segment for which it is computed again, and coarse features are held against the others."""


class Stored:
    """Says what is stored for a block, by digest. Segments are looked at when their first block comes."""

    def __init__(self) -> None:
        self._agree: dict[str, bool] = {}
        self._segment = ""
        self._coarse: bool | None = None
        self._texts: dict[str, torch.Tensor] = {}
        """By the digest of the background."""

    def of(self, block: Block, plan: Plan, scale: float) -> NDArray[np.float32] | None:
        """``float32[V]``; None where some row has none, or one of another background or of other texts."""
        if not plan.digest or block.background != plan.digest:
            return None
        found: NDArray[np.float32] = block.rows["background_lse"].to_numpy()
        if not np.isfinite(found).all():
            return None
        self._begin(block)
        if plan.digest not in self._agree:
            rows = _some(block)
            apart = self._log_sum(block.views(rows), plan, scale) - found[rows]
            self._agree[plan.digest] = bool(np.abs(apart).max() <= STORED / 4)
        return found if self._agree[plan.digest] else None

    def coarse(self, block: Block) -> Coarse | None:
        """The block's coarse features, if it has any."""
        if block.coarse is None:
            return None
        self._begin(block)
        if self._coarse is None:
            rows = _some(block)
            self._coarse = block.coarse.holds(rows, block.views(rows))
        return block.coarse if self._coarse else None

    def _begin(self, block: Block) -> None:
        if block.segment.path != self._segment:
            self._segment, self._agree, self._coarse = block.segment.path, {}, None

    def _log_sum(self, features: NDArray[np.float16], plan: Plan, scale: float) -> NDArray[np.float32]:
        if plan.digest not in self._texts:
            self._texts[plan.digest] = torch.tensor(plan.background)
        # In float32, which errs by less than a hundredth of what is looked for, and has half as much to read.
        logits = (torch.from_numpy(features.astype(np.float32)) @ self._texts[plan.digest].T).mul_(scale)
        highest = logits.amax(dim=1, keepdim=True)
        sums = logits.sub_(highest).exp_().sum(dim=1)
        return np.asarray((highest[:, 0] + sums.log_()).numpy())


def _some(block: Block) -> NDArray[np.intp]:
    count = len(block.rows)
    return np.linspace(0, count - 1, min(LOOKED_AT, count)).astype(np.intp)
