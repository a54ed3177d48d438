"""The screen: bounds of a block's events under one or two policy sets, of those events that may matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.stored import Stored
from pipeline.archive.screen.upper import Upper, Weights
from pipeline.lab.backtest.bounds import Array, Bounds
from pipeline.lab.backtest.screen.tight import Tight
from pipeline.lab.backtest.screen.views import of_events
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.heads.prompts import PromptsHead

Events = NDArray[np.intp]


class FastLook:
    """A `Screen`: a bound from above for every row, and bounds from both sides where that one does not settle it.

    It needs the columns of features, ``background_lse``, and where those are not of one view each ``closer``. Used by
    one thread.
    """

    def __init__(self, sets: Sequence[CompiledPolicies], device: torch.device | None = None) -> None:
        self._sets = sets
        self._plans = [Plan.of(each) for each in sets]
        self._device = device or torch.device("cpu")
        self._stored = Stored()
        self._passes: dict[tuple[bool, ...], tuple[Upper, Tight]] = {}

    @torch.inference_mode()
    def __call__(self, block: Block, least: Sequence[Array]) -> list[Bounds]:
        if not any(plan.policies for plan in self._plans):
            nothing = np.zeros((0, 0))
            return [Bounds(np.zeros(0, np.intp), nothing, nothing) for _ in self._plans]
        head = self._sets[0].prompts
        weights = [self._stored.of(block, plan, head.logit_scale) for plan in self._plans]
        upper, tight = self._pass(tuple(weight is not None for weight in weights))
        events = self._reaching(block, upper, weights, least)
        rows, starts = block.rows_of(events)
        every = len(rows) == len(block.rows)
        pieces = block.pieces if every else [block.views(rows)]
        mine = [weight if weight is None or every else weight[rows] for weight in weights]
        found = zip(tight(pieces, mine), self._sets, strict=True)
        return [
            Bounds(events, *_beside_other_heads(*of_events(block, rows, starts, *bounds, each.lowest), each))
            for bounds, each in found
        ]

    def _pass(self, stored: tuple[bool, ...]) -> tuple[Upper, Tight]:
        if stored not in self._passes:
            head = self._sets[0].prompts
            made_of = self._plans, stored, head.logit_scale, head.logit_bias, self._device
            self._passes[stored] = Upper(*made_of), Tight(*made_of)
        return self._passes[stored]

    def _reaching(self, block: Block, upper: Upper, weights: Weights, least: Sequence[Array]) -> Events:
        """The events of which some row may score what matters, under any of the sets."""
        if any(_tells_nothing(each, of) for each, of in zip(self._sets, least, strict=True)):
            return np.arange(block.events)
        needed = [torch.from_numpy(each.astype(np.float32) * (1 - 1e-6) - 1e-6).to(self._device) for each in least]
        found = np.zeros(len(block.rows), np.bool_)
        for rows, bounds in upper.chunks(block.pieces, weights):
            for most, enough in zip(bounds, needed, strict=True):
                found[rows] |= (most >= enough).any(dim=1).cpu().numpy()
        return np.unique(block.offsets.searchsorted(np.flatnonzero(found), "right") - 1)


def _tells_nothing(compiled: CompiledPolicies, least: Array) -> bool:
    """Whether a bound from above settles no event: every score matters, or is not that of prompts alone."""
    return bool((least <= 0).any()) or _others(compiled).size > 0


def _others(compiled: CompiledPolicies) -> Events:
    """The policies that another head than that of prompts may give a score, by their columns."""
    heads = zip(compiled.heads, compiled.columns, strict=True)
    return np.unique([at for head, columns in heads if not isinstance(head, PromptsHead) for at in columns]).astype(
        np.intp
    )


def _beside_other_heads(low: Array, high: Array, compiled: CompiledPolicies) -> tuple[Array, Array]:
    """Their scores are at least those of prompts, of which alone there are bounds, but for what a list allows."""
    high[:, _others(compiled)] = 1.0
    low[:, [at for at, policy in enumerate(compiled.policies) if policy.lists.allows]] = 0.0
    return low, high
