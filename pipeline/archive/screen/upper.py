"""What no score of a row exceeds, for rows without end: by some texts first, by the others where that is not enough.

Casts, products and exponentials are made while they are in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.coarse import Coarse
from pipeline.archive.screen import errors
from pipeline.archive.screen.first import Sample, columns_first
from pipeline.archive.screen.layout import Columns, Layout
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.products import Product
from pipeline.archive.screen.rough import CoarseProduct
from pipeline.archive.screen.sums import Scores
from pipeline.rules.heads.head import Array

R_contra = TypeVar("R_contra", contravariant=True)
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


class Some(NamedTuple):
    """Rows to learn from."""

    features: Halves
    stored: Stored
    coarse: Coarse


class Upper:
    """Sums of rows under K policies, those of one plan after the other, and bounds from them. Used by one thread."""

    def __init__(self, asked: Asked, some: Some | None = None, least: Array | None = None) -> None:
        """With `some` rows it is learnt from them what to compare first, and whether coarse features pay.

        `least` is ``float64[K]``: the scores that matter. Without rows everything is compared at once.
        """
        self._policies, self._device = asked.policies, asked.device
        layout = Layout.of(asked.plans, asked.stored)
        sample = (
            None if some is None else Sample.of(layout, asked.scale, some.features, self._tensors(some.stored, "cpu"))
        )
        shift = 0.0 if sample is None else sample.shift
        error = errors.of_logits(layout.texts, asked.scale) + _of_sums(layout, asked.scale)
        self._scores = Scores(error, errors.STORED, asked.bias, shift)
        first, later = np.arange(len(layout.texts)), np.zeros(0, np.intp)
        if sample is not None and least is not None:
            first, later = columns_first(layout, sample, self._scores, self._policies, least)
        kinds = 3 if layout.left_out.any() else 2

        def summing(columns: Columns) -> _Summing[Sequence[Halves]]:
            these = layout.some(columns)
            return _Summing(Product(these.texts, asked.scale, asked.device), these, kinds, shift, asked.device)

        self._first, self._later = summing(first), summing(later) if len(later) else None
        self._rough = _rough(layout, kinds, shift, asked)
        if some is not None and least is not None and self._left_by_rough(some, least) > LEFT:
            self._rough = None

    def weight(self, stored: Stored) -> torch.Tensor | None:
        """As `Scores.weight`, on the device."""
        return self._scores.weight(self._tensors(stored, self._device), self._policies)

    def rough(self, coarse: Coarse, weight: torch.Tensor | None) -> torch.Tensor | None:
        """``float32[V,K]``: no score is above it, which takes a third of the time; None where it does not pay."""
        if self._rough is None:
            return None
        product, summing = self._rough
        off = product.off(coarse).add_(errors.ROUNDED).exp_().unsqueeze(1)
        return self._scores.high(self._split(summing(coarse, len(coarse.steps))), weight, off)

    def _left_by_rough(self, some: Some, least: Array) -> float:
        """The share of these rows that may score what matters, as far as coarse features tell."""
        high = self.rough(some.coarse, self.weight(some.stored))
        enough = torch.from_numpy(least.astype(np.float32))
        return 0.0 if high is None else float((high >= enough).any(dim=1).float().mean())

    def first(self, features: Sequence[Halves]) -> torch.Tensor:
        """The sums of rows by the texts that are compared first, ``float32[V,M]``."""
        return self._first(features, sum(map(len, features)))

    def whole(self, features: Sequence[Halves], sums: torch.Tensor) -> torch.Tensor:
        """The sums by all texts, of rows whose first sums these are."""
        return sums if self._later is None else sums + self._later(features, sum(map(len, features)))

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


def _rough(layout: Layout, kinds: int, shift: float, asked: Asked) -> tuple[CoarseProduct, _Summing[Coarse]] | None:
    """Without the texts that only stand against policies; None where the sum over a background is not known."""
    if asked.device.type != "cpu" or not (all(asked.stored) or asked.bias is not None):
        return None
    some = layout.some(np.setdiff1d(np.arange(len(layout.texts)), layout.against_alone))
    product = CoarseProduct(some.texts, asked.scale)
    return product, _Summing(product, some, kinds, shift, asked.device)


class _Multiplies(Protocol[R_contra]):
    """Multiplies rows by a layout's texts."""

    @property
    def columns(self) -> int:
        """How many it makes of the texts."""

    def chunks(self, rows: R_contra) -> Iterator[tuple[int, torch.Tensor]]:
        """As `Product.chunks`."""


class _Summing(Generic[R_contra]):
    """Sums of a layout's exponentials, for each policy of one kind, then of the next."""

    def __init__(
        self, product: _Multiplies[R_contra], layout: Layout, kinds: int, shift: float, device: torch.device
    ) -> None:
        """`product` multiplies by the texts of the layout."""
        self._product = product
        sums = np.concatenate([layout.own, layout.against, layout.left_out][:kinds], axis=1)
        nothing = ((0, self._product.columns - len(sums)), (0, 0))
        self._sums = torch.from_numpy(np.pad(sums, nothing)).to(device)
        self._shift = shift

    def __call__(self, rows: R_contra, count: int) -> torch.Tensor:
        found = torch.empty(count, self._sums.shape[1], device=self._sums.device)
        for start, logits in self._product.chunks(rows):
            exponents = logits.sub_(self._shift) if self._shift else logits
            torch.mm(exponents.exp_(), self._sums, out=found[start : start + len(logits)])
        return found


def _of_sums(layout: Layout, scale: float) -> float:
    """The most, as a logarithm, that the rounding of sums adds to what logits err."""
    count = len(layout.texts)
    return errors.of_sums(count, 2 * errors.LENGTH * abs(scale) + math.log(count + 1))
