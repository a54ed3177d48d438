"""From logits that may err to the scores between which the true one lies."""

from __future__ import annotations

import math

import numpy as np
import torch

from pipeline.archive.screen.plan import Plan

Bounds = tuple[torch.Tensor, torch.Tensor]
"""``float32[V,K]`` twice: low and high."""
TINY = 1e-30
"""More than is lost where exponentials are too small for float32, beside the greatest of a row, which is 1."""
OVERFLOW = 1e26
"""Of sums of exponentials: beyond that nothing is said of a row but that its scores are between 0 and 1."""


class Softmax:
    """Bounds of shares of the whole weight."""

    def __init__(self, plan: Plan, device: torch.device) -> None:
        sums = np.concatenate([plan.own, plan.further, plan.left_out], axis=1)
        self._sums = torch.from_numpy(sums).to(device)
        self._policies = plan.own.shape[1]

    def __call__(self, logits: torch.Tensor, weight: torch.Tensor | None, error: float, of_weight: float) -> Bounds:
        """`logits` is ``float32[V,S]`` and is written over; `weight` the log of the background's sum, if any.

        `error` is the most that the logarithm of a term errs, `of_weight` that of `weight`.
        """
        base = logits.amax(dim=1) if weight is None else weight
        exponents = logits.sub_(base.unsqueeze(1)).exp_()
        own, further, left_out = (exponents @ self._sums).split(self._policies, dim=1)
        up, down = math.exp(error + of_weight), math.exp(-error - of_weight)
        most, least = (1.0 + 1e-6, 1.0 - 1e-6) if weight is not None else (0.0, 0.0)
        rest_low = (further * down - left_out * up + (least - TINY)).clamp_(min=0.0)
        rest_high = (further * up - left_out * down).clamp_(min=0.0) + (most + TINY)
        own_high, own_low = own * up + TINY, (own * down - TINY).clamp_(min=0.0)
        high = torch.where(rest_low > 0, own_high / (own_high + rest_low), 1.0)
        low = own_low / (own_low + rest_high)
        sane = (own + further + left_out) <= OVERFLOW
        return torch.where(sane, low, 0.0).nan_to_num_(nan=0.0), torch.where(sane, high, 1.0).nan_to_num_(nan=1.0)


class Sigmoid:
    """Bounds of the chance of the best prompt."""

    def __init__(self, plan: Plan, bias: float, device: torch.device) -> None:
        self._bias = bias
        self._rows = [torch.from_numpy(column.nonzero()[0]).to(device) for column in plan.own.T]

    def __call__(self, logits: torch.Tensor, error: float) -> Bounds:
        """`logits` is ``float32[V,S]``, of which each errs by `error` at most."""
        best = [logits.index_select(1, rows).amax(dim=1) for rows in self._rows]
        found = torch.stack(best, dim=1) if best else logits[:, :0]
        return torch.sigmoid(found + (self._bias - error)), torch.sigmoid(found + (self._bias + error))
