"""What no score of a row exceeds, for rows without end: by some texts first, by the others where that is not enough.

Casts, products and exponentials are made while they are in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.coarse import Coarse
from pipeline.archive.screen import errors
from pipeline.archive.screen.first import Sample, columns_first
from pipeline.archive.screen.layout import Layout
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.products import Product
from pipeline.archive.screen.rough import Rough
from pipeline.archive.screen.sums import Scores
from pipeline.rules.heads.head import Array

Halves = NDArray[np.float16]
Stored = Sequence[NDArray[np.float32] | None]
"""For each plan what is stored of its background, ``float32[V]``, if it is for all rows."""


LEFT = 0.2
"""Where coarse features leave more of the rows than this share, all are looked at without them: a row that is fetched
by itself costs three times as much."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Plans of one model, for each of which it is settled whether its background's sum is stored."""

    plans: Sequence[Plan]
    stored: Sequence[bool]
    scale: float
    bias: float | None
    device: torch.device

    @property
    def policies(self) -> list[int]:
        """How many each plan has."""
        return [plan.policies for plan in self.plans]


class Upper:
    """Sums of rows under K policies, those of one plan after the other, and bounds from them. Used by one thread."""

    def __init__(self, asked: Asked, some: tuple[Halves, Stored] | None = None, least: Array | None = None) -> None:
        """With `some` rows, and what is stored of them, it is learnt from them what to compare first.

        `least` is ``float64[K]``: the scores that matter. Without rows everything is compared at once.
        """
        self._policies, self._device = asked.policies, asked.device
        layout = Layout.of(asked.plans, asked.stored)
        sample = None if some is None else Sample.of(layout, asked.scale, some[0], self._tensors(some[1], "cpu"))
        shift = 0.0 if sample is None else sample.shift
        error = errors.of_logits(layout.texts, asked.scale) + _of_sums(layout, asked.scale)
        self._scores = Scores(error, errors.STORED, asked.bias, shift)
        first, later = np.arange(len(layout.texts)), np.zeros(0, np.intp)
        if sample is not None and least is not None:
            first, later = columns_first(layout, sample, self._scores, self._policies, least)
        kinds = 3 if layout.left_out.any() else 2
        self._rough = _rough(layout, kinds, shift, asked)
        if some is not None and least is not None and self._left_by_rough(*some, least) > LEFT:
            self._rough = None
        self._first = _Summing(layout.some(first), kinds, shift, asked)
        self._later = _Summing(layout.some(later), kinds, shift, asked) if len(later) else None

    def weight(self, stored: Stored) -> torch.Tensor | None:
        """As `Scores.weight`, on the device."""
        return self._scores.weight(self._tensors(stored, self._device), self._policies)

    def rough(self, coarse: Coarse, weight: torch.Tensor | None) -> torch.Tensor | None:
        """``float32[V,K]``: no score is above it, which takes a third of the time; None where it does not pay."""
        if self._rough is None:
            return None
        return self._scores.high(self._split(self._rough.sums(coarse)), weight, self._rough.off(coarse))

    def _left_by_rough(self, features: Halves, stored: Stored, least: Array) -> float:
        """The share of these rows that may score what matters, as far as coarse features tell."""
        high = self.rough(Coarse.of(features), self.weight(stored))
        enough = torch.from_numpy(least.astype(np.float32))
        return 0.0 if high is None else float((high >= enough).any(dim=1).float().mean())

    def first(self, features: Sequence[Halves]) -> torch.Tensor:
        """The sums of rows by the texts that are compared first, ``float32[V,M]``."""
        return self._first(features)

    def whole(self, features: Sequence[Halves], sums: torch.Tensor) -> torch.Tensor:
        """The sums by all texts, of rows whose first sums these are."""
        return sums if self._later is None else sums + self._later(features)

    def high(self, sums: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """``float32[V,K]``: no score is above it, be they first sums or whole ones."""
        return self._scores.high(self._split(sums), weight)

    def low(self, sums: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """``float32[V,K]``, from whole sums: no score of a softmax is below it."""
        return self._scores.low(self._split(sums), weight)

    def _split(self, sums: torch.Tensor) -> Sequence[torch.Tensor]:
        count = sum(self._policies)
        return [sums[:, start : start + count] for start in range(0, sums.shape[1], count)]

    @staticmethod
    def _tensors(stored: Stored, device: torch.device | str) -> list[torch.Tensor | None]:
        return [None if each is None else torch.tensor(each, device=device) for each in stored]


def _rough(layout: Layout, kinds: int, shift: float, asked: Asked) -> Rough | None:
    """Without the texts that only stand against policies; None where the sum over a background is not known."""
    if asked.device.type != "cpu" or not (all(asked.stored) or asked.bias is not None):
        return None
    needed = np.setdiff1d(np.arange(len(layout.texts)), layout.against_alone)
    return Rough(layout.some(needed), kinds, asked.scale, shift) if len(needed) else None


class _Summing:
    """Sums of a layout's exponentials, for each policy of one kind, then of the next."""

    def __init__(self, layout: Layout, kinds: int, shift: float, asked: Asked) -> None:
        self._product = Product(layout.texts, asked.scale, asked.device)
        sums = np.concatenate([layout.own, layout.against, layout.left_out][:kinds], axis=1)
        nothing = ((0, self._product.columns - len(sums)), (0, 0))
        self._sums = torch.from_numpy(np.pad(sums, nothing)).to(asked.device)
        self._shift = shift

    def __call__(self, features: Sequence[Halves]) -> torch.Tensor:
        found = torch.empty(sum(map(len, features)), self._sums.shape[1], device=self._sums.device)
        for start, logits in self._product.chunks(features):
            exponents = logits.sub_(self._shift) if self._shift else logits
            torch.mm(exponents.exp_(), self._sums, out=found[start : start + len(logits)])
        return found


def _of_sums(layout: Layout, scale: float) -> float:
    """The most, as a logarithm, that the rounding of sums adds to what logits err."""
    count = len(layout.texts)
    return errors.of_sums(count, 2 * errors.LENGTH * abs(scale) + math.log(count + 1))
