"""Whether the log-sum-exp that a segment has of its background can be taken for that of the texts at hand."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.archive.screen.errors import STORED
from pipeline.archive.screen.plan import Plan

LOOKED_AT = 16
"""Rows of each segment for which it is computed again."""


class Stored:
    """Says what is stored for a block, by digest. Segments are looked at when their first block comes."""

    def __init__(self) -> None:
        self._agree: dict[str, bool] = {}
        self._segment = ""
        self._texts: dict[str, torch.Tensor] = {}
        """Transposed, by the digest of the background."""

    def of(self, block: Block, plan: Plan, scale: float) -> NDArray[np.float32] | None:
        """``float32[V]``; None where some row has none, or one of another background or of other texts."""
        if not plan.digest or block.background != plan.digest:
            return None
        found: NDArray[np.float32] = block.rows["background_lse"].to_numpy()
        if not np.isfinite(found).all():
            return None
        if block.segment.path != self._segment:
            self._segment, self._agree = block.segment.path, {}
        if plan.digest not in self._agree:
            rows = np.linspace(0, len(found) - 1, min(LOOKED_AT, len(found))).astype(np.intp)
            apart = self._log_sum(block.views(rows), plan, scale) - found[rows]
            self._agree[plan.digest] = bool(np.abs(apart).max() <= STORED / 4)
        return found if self._agree[plan.digest] else None

    def _log_sum(self, features: NDArray[np.float16], plan: Plan, scale: float) -> NDArray[np.float32]:
        if plan.digest not in self._texts:
            self._texts[plan.digest] = torch.from_numpy(np.ascontiguousarray(plan.background.T * np.float32(scale)))
        # In float32, which errs by less than a hundredth of what is looked for, and has half as much to read.
        logits = torch.from_numpy(features.astype(np.float32)) @ self._texts[plan.digest]
        highest = logits.amax(dim=1, keepdim=True)
        sums = logits.sub_(highest).exp_().sum(dim=1)
        return np.asarray((highest[:, 0] + sums.log_()).numpy())
