"""Bounds of scores of a model that rates each sentence by itself: the chance of a policy's best prompt."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipeline.archive.float32 import UNIT
from pipeline.archive.screen import errors
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.products import Product
from pipeline.archive.screen.upper import Halves

Bounds = tuple[torch.Tensor, torch.Tensor]
"""``float32[V,K]`` twice: low and high."""


class Best:
    """One plan's bounds from both sides. The sums of `Upper` bound the best from above alone."""

    def __init__(self, plan: Plan, scale: float, bias: float, device: torch.device) -> None:
        self._bias, self._device = bias, device
        self._rows = [torch.from_numpy(column.nonzero()[0]).to(device) for column in plan.own.T]
        self._product = Product(plan.sentences, scale, device)
        self._error = errors.of_logits(plan.sentences, scale) + 8 * (abs(bias) + 2 * abs(scale)) * UNIT

    def __call__(self, features: Sequence[Halves]) -> Bounds:
        found = torch.empty(sum(map(len, features)), len(self._rows), device=self._device)
        for start, logits in self._product.chunks(features):
            for policy, rows in enumerate(self._rows):
                torch.amax(logits.index_select(1, rows), dim=1, out=found[start : start + len(logits), policy])
        low, high = (torch.sigmoid(found + (self._bias + error)) for error in (-self._error, self._error))
        return low, high
