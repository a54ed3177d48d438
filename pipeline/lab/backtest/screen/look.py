"""The screen: bounds of a block's events under one or two policy sets, of those events that may matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import Block
from pipeline.archive.coarse import Coarse
from pipeline.archive.float32 import UNIT
from pipeline.archive.screen.first import SAMPLE
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.stored import Stored
from pipeline.archive.screen.upper import Asked, Halves, Some, Upper
from pipeline.lab.backtest.bounds import Array, Bounds
from pipeline.lab.backtest.screen.sigmoid import Best
from pipeline.lab.backtest.screen.views import of_events
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.heads.prompts import PromptsHead

Events = NDArray[np.intp]
Weights = list[NDArray[np.float32] | None]


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
        self._uppers: dict[tuple[bool, ...], Upper] = {}
        scale, bias = sets[0].prompts.logit_scale, sets[0].prompts.logit_bias
        self._best = None if bias is None else [Best(each, scale, bias, self._device) for each in self._plans]

    @torch.inference_mode()
    def __call__(self, block: Block, least: Sequence[Array]) -> list[Bounds]:
        if not any(plan.policies for plan in self._plans):
            nothing = np.zeros((0, 0))
            return [Bounds(np.zeros(0, np.intp), nothing, nothing) for _ in self._plans]
        head = self._sets[0].prompts
        stored = [self._stored.of(block, plan, head.logit_scale) for plan in self._plans]
        upper, needed = self._upper(block, stored), self._needed(least)
        coarse = None if needed is None else self._stored.coarse(block)
        left = _Left.of(block, upper, stored, needed, coarse).looked_at_again(needed)
        first, found = 0, []
        for at, each in enumerate(self._sets):
            mine = slice(first, first := first + self._plans[at].policies)
            low, high = left.bounds(mine) if self._best is None else self._best[at](left.pieces)
            bounds = of_events(block, left.rows, left.starts, _array(low, -1), _array(high, 1), each.lowest)
            found.append(Bounds(left.events, *_beside_other_heads(*bounds, each)))
        return found

    def _upper(self, block: Block, stored: Weights) -> Upper:
        known = tuple(each is not None for each in stored)
        if known not in self._uppers:
            head = self._sets[0].prompts
            rows = np.unique(np.linspace(0, len(block.rows) - 1, SAMPLE).astype(np.intp))
            features, coarse = block.views(rows), self._stored.coarse(block)
            some = Some(
                features,
                [each if each is None else each[rows] for each in stored],
                Coarse.of(features) if coarse is None else coarse.some(rows),
            )
            lowest = np.concatenate([each.lowest for each in self._sets])
            asked = Asked(self._plans, known, head.logit_scale, head.logit_bias, self._device)
            self._uppers[known] = Upper(asked, some, lowest)
        return self._uppers[known]

    def _needed(self, least: Sequence[Array]) -> torch.Tensor | None:
        """``float32[K]`` of all sets: what a row must be able to score; None where every row matters."""
        if any(_tells_nothing(each, of) for each, of in zip(self._sets, least, strict=True)):
            return None
        return torch.from_numpy(np.concatenate(least).astype(np.float32) * (1 - 1e-6) - 1e-6).to(self._device)


@dataclass(frozen=True, slots=True)
class _Left:
    """The events of a block that may matter, and the sums of their rows."""

    block: Block
    upper: Upper
    events: Events
    rows: Events
    starts: Events
    """Where each event's begin among `rows`."""
    pieces: Sequence[Halves]
    """The features of `rows`."""
    sums: torch.Tensor
    weight: torch.Tensor | None

    @classmethod
    def of(
        cls, block: Block, upper: Upper, stored: Weights, needed: torch.Tensor | None, coarse: Coarse | None
    ) -> _Left:
        """By a look at all rows, or at those that a rough look leaves."""
        weight, events = upper.weight(stored), np.arange(block.events)
        rows, starts = block.rows_of(events)
        if needed is not None and coarse is not None:
            high = upper.rough(coarse, weight)
            if high is not None:
                events = _reaching(high, needed, events, starts)
                rows, starts = block.rows_of(events)
                weight = None if weight is None else weight[torch.from_numpy(rows)]
        pieces = block.pieces if len(rows) == len(block.rows) else [block.views(rows)]
        left = cls(block, upper, events, rows, starts, pieces, upper.first(pieces), weight)
        return left if needed is None else left.reaching(needed)

    def looked_at_again(self, needed: torch.Tensor | None) -> _Left:
        """With whole sums, and without the events that these settle."""
        whole = self.upper.whole(self.pieces, self.sums)
        left = replace(self, sums=whole)
        return left if needed is None or whole is self.sums else left.reaching(needed)

    def bounds(self, policies: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """``float32[V,K]`` twice, of these policies."""
        low, high = (bound(self.sums, self.weight) for bound in (self.upper.low, self.upper.high))
        return low[:, policies], high[:, policies]

    def reaching(self, needed: torch.Tensor) -> _Left:
        """Those of which some row may score what is needed."""
        if not len(self.events):
            return self
        events = _reaching(self.upper.high(self.sums, self.weight), needed, self.events, self.starts)
        rows, starts = self.block.rows_of(events)
        if len(rows) == len(self.rows):
            return self
        within = self.rows.searchsorted(rows)
        pieces = [self.pieces[0][within]] if len(self.pieces) == 1 else [self.block.views(rows)]
        at = torch.from_numpy(within).to(self.sums.device)
        weight = None if self.weight is None else self.weight[at]
        return _Left(self.block, self.upper, events, rows, starts, pieces, self.sums[at], weight)


def _reaching(high: torch.Tensor, needed: torch.Tensor, events: Events, starts: Events) -> Events:
    """Those of the events of which some row may score what is needed; `starts` says where each one's rows begin."""
    reaching = (high >= needed).any(dim=1).cpu().numpy()
    alone = len(starts) == len(reaching)
    return events[np.flatnonzero(reaching if alone else np.logical_or.reduceat(reaching, starts))]


def _array(scores: torch.Tensor, towards: int) -> Array:
    """``float64[V,K]``, lower or higher by what float32 cannot tell of a share."""
    return np.minimum(scores.cpu().numpy().astype(np.float64) * (1 + towards * 4 * UNIT), 1.0)


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
