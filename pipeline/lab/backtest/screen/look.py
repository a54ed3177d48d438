"""The screen: bounds of all events of a block under one or two policy sets, from one pass over their features."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.archive.float32 import UNIT
from pipeline.lab.backtest.bounds import Array, Bounds
from pipeline.lab.backtest.screen import errors
from pipeline.lab.backtest.screen.intervals import Sigmoid, Softmax
from pipeline.lab.backtest.screen.plan import Columns, Plan
from pipeline.lab.backtest.screen.products import Product
from pipeline.lab.backtest.screen.stored import Stored
from pipeline.lab.backtest.screen.views import of_events
from pipeline.rules.heads import CompiledPolicies


class FastLook:
    """A `Screen`. It needs the columns of features, ``closer``, ``background`` and ``background_lse``."""

    def __init__(self, sets: Sequence[CompiledPolicies], device: torch.device | None = None) -> None:
        self._plans = [Plan.of(each) for each in sets]
        self._device = device or torch.device("cpu")
        head = sets[0].prompts
        self._scale, self._bias = head.logit_scale, head.logit_bias
        self._stored = Stored()
        self._passes: dict[tuple[bool, ...], _Pass] = {}

    @torch.inference_mode()
    def __call__(self, block: Block) -> list[Bounds]:
        weights = [self._stored.of(block, plan, self._scale) for plan in self._plans]
        key = tuple(weight is not None for weight in weights)
        if key not in self._passes:
            self._passes[key] = _Pass(self._plans, key, self._scale, self._bias, self._device)
        rows = self._passes[key](block.pieces, weights)
        return [of_events(block, *each, plan.compiled.lowest) for each, plan in zip(rows, self._plans, strict=True)]


class _Pass:
    """One way to go over a block: for each plan it is settled whether its background's sum is stored."""

    def __init__(
        self, plans: Sequence[Plan], stored: Sequence[bool], scale: float, bias: float | None, device: torch.device
    ) -> None:
        self._plans, self._bias, self._device = plans, bias, device
        missing = {plan.digest: plan for plan, has in zip(plans, stored, strict=True) if plan.digest and not has}
        self._digests = list(missing)
        backgrounds = [missing[digest].background for digest in self._digests]
        columns = Columns.of([plan.sentences for plan in plans])
        self._own = [torch.from_numpy(where).to(device) for where in columns.where]
        self._alone = len(plans) == 1 and len(columns.where[0]) == len(columns.texts)
        self._first = len(columns.texts)
        self._ends = np.cumsum([self._first, *map(len, backgrounds)]).tolist()
        parts = [part for part in (columns.texts, *backgrounds) if len(part)]
        texts = np.concatenate(parts) if parts else columns.texts
        self._product = Product(texts, scale, device)
        self._logit = errors.of_logits(texts, scale) if len(texts) else 0.0
        self._scale = scale
        self._softmax = [Softmax(plan, device) for plan in plans] if bias is None else []
        self._sigmoid = [Sigmoid(plan, bias, device) for plan in plans] if bias is not None else []

    def __call__(
        self, features: Sequence[NDArray[np.float16]], weights: Sequence[NDArray[np.float32] | None]
    ) -> list[tuple[Array, Array]]:
        """The bounds of each row, ``float64[V,K]``, for each plan."""
        logits, sums = self._products(features)
        found = []
        for at, plan in enumerate(self._plans):
            if not plan.own.shape[1]:
                nothing = np.zeros((len(logits), 0))
                found.append((nothing, nothing))
                continue
            mine = logits if self._alone else logits.index_select(1, self._own[at])
            weight = weights[at]
            if weight is not None:
                low, high = self._softmax[at](mine, self._moved(weight), self._error(plan), errors.STORED)
            elif self._bias is None:
                of_weight = self._logit + errors.of_sums(len(plan.background), self._reach(plan))
                low, high = self._softmax[at](mine, sums.get(plan.digest), self._error(plan), of_weight)
            else:
                low, high = self._sigmoid[at](mine, self._error(plan) + 8 * abs(self._bias) * UNIT)
            found.append(_widened(low, high))
        return found

    def _products(self, features: Sequence[NDArray[np.float16]]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The logits of all sentences but backgrounds, and the log-sum-exp of each background that is summed here."""
        rows = sum(map(len, features))
        logits = torch.empty(rows, self._first, device=self._device)
        if not self._product.columns:
            return logits, {}
        if not self._digests:
            for _ in self._product.pieces(features, into=logits):
                pass
            return logits, {}
        sums = {digest: torch.empty(rows, device=self._device) for digest in self._digests}
        for start, piece in self._product.pieces(features):
            stop = start + len(piece)
            logits[start:stop] = piece[:, : self._first]
            for at, digest in enumerate(self._digests):
                torch.logsumexp(piece[:, self._ends[at] : self._ends[at + 1]], dim=1, out=sums[digest][start:stop])
        return logits, sums

    def _moved(self, weight: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(np.array(weight)).to(self._device)

    def _error(self, plan: Plan) -> float:
        return self._logit + errors.of_sums(len(plan.sentences), self._reach(plan))

    def _reach(self, plan: Plan) -> float:
        """No exponent is greater in size."""
        return 2 * errors.LENGTH * abs(self._scale) + math.log(len(plan.background) + 1)


def _widened(low: torch.Tensor, high: torch.Tensor) -> tuple[Array, Array]:
    """In float64, by what float32 cannot tell of a share."""
    return (
        low.cpu().numpy().astype(np.float64) * (1 - 4 * UNIT),
        np.minimum(high.cpu().numpy().astype(np.float64) * (1 + 4 * UNIT), 1.0),
    )
