"""Bounds of rows from both sides, which are worth more time than the one from above that all rows have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.float32 import UNIT
from pipeline.archive.screen import errors
from pipeline.archive.screen.layout import Layout
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.products import Product
from pipeline.archive.screen.upper import Weights, of_sum
from pipeline.lab.backtest.bounds import Array
from pipeline.lab.backtest.screen.intervals import Sigmoid, Softmax


class Tight:
    """Bounds under one or more plans, for each of which it is settled whether its background's sum is stored."""

    def __init__(
        self, plans: Sequence[Plan], stored: Sequence[bool], scale: float, bias: float | None, device: torch.device
    ) -> None:
        self._plans, self._scale, self._bias, self._device = plans, scale, bias, device
        self._layout = Layout.of(plans, stored)
        self._own = [torch.from_numpy(where).to(device) for where in self._layout.where]
        self._product = Product(self._layout.texts, scale, device)
        self._logit = errors.of_logits(self._layout.texts, scale)
        self._softmax = [Softmax(plan, device) for plan in plans] if bias is None else []
        self._sigmoid = [Sigmoid(plan, bias, device) for plan in plans] if bias is not None else []

    def __call__(self, features: Sequence[NDArray[np.float16]], weights: Weights) -> list[tuple[Array, Array]]:
        """The bounds of each row, ``float64[V,K]``, for each plan."""
        logits, sums = self._products(features)
        return [self._bounds(at, logits, weights[at], sums) for at in range(len(self._plans))]

    def _bounds(
        self, at: int, logits: torch.Tensor, stored: NDArray[np.float32] | None, sums: dict[str, torch.Tensor]
    ) -> tuple[Array, Array]:
        plan = self._plans[at]
        if not plan.policies:
            return np.zeros((len(logits), 0)), np.zeros((len(logits), 0))
        mine = logits.index_select(1, self._own[at])
        error = self._logit + of_sum(plan, self._scale)
        if self._bias is not None:
            return _widened(*self._sigmoid[at](mine, error + 8 * abs(self._bias) * UNIT))
        if stored is None:
            return _widened(*self._softmax[at](mine, sums.get(plan.digest), error, error))
        weight = torch.from_numpy(np.array(stored)).to(self._device)
        return _widened(*self._softmax[at](mine, weight, error, errors.STORED))

    def _products(self, features: Sequence[NDArray[np.float16]]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The logits of all sentences but backgrounds, and the log-sum-exp of each background that is summed here."""
        rows = sum(map(len, features))
        logits = torch.empty(rows, self._layout.sentences, device=self._device)
        sums = {digest: torch.empty(rows, device=self._device) for digest in self._layout.sums}
        for start, chunk in self._product.chunks(features):
            stop = start + len(chunk)
            logits[start:stop] = chunk[:, : self._layout.sentences]
            for digest, lines in self._layout.sums.items():
                torch.logsumexp(chunk[:, lines], dim=1, out=sums[digest][start:stop])
        return logits, sums


def _widened(low: torch.Tensor, high: torch.Tensor) -> tuple[Array, Array]:
    """In float64, by what float32 cannot tell of a share."""
    return (
        low.cpu().numpy().astype(np.float64) * (1 - 4 * UNIT),
        np.minimum(high.cpu().numpy().astype(np.float64) * (1 + 4 * UNIT), 1.0),
    )
