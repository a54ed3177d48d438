"""What no score of any row exceeds, for rows without end: casts, products and bounds while they are in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.screen import errors
from pipeline.archive.screen.ceiling import Ceiling
from pipeline.archive.screen.layout import Layout
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.products import Product

Weights = Sequence[NDArray[np.float32] | None]
"""For each plan what is stored of its background, ``float32[V]``, if it is for all rows."""


class Upper:
    """Bounds of one or more plans, for each of which it is settled whether its background's sum is stored.

    Used by one thread at a time.
    """

    def __init__(
        self, plans: Sequence[Plan], stored: Sequence[bool], scale: float, bias: float | None, device: torch.device
    ) -> None:
        layout = Layout.of(plans, stored)
        self._product = Product(layout.texts, scale, device)
        self._device = device
        of_logits = errors.of_logits(layout.texts, scale)
        self._ceilings = [
            Ceiling(layout, at, of_logits + of_sum(plan, scale), errors.STORED, bias, device)
            for at, plan in enumerate(plans)
        ]

    def chunks(
        self, features: Sequence[NDArray[np.float16]], weights: Weights
    ) -> Iterator[tuple[slice, list[torch.Tensor]]]:
        """Some of the rows at a time, and for each plan their ``float32[N,K]``."""
        stored = [None if each is None else torch.tensor(each, device=self._device) for each in weights]
        for start, logits in self._product.chunks(features):
            rows = slice(start, start + logits.shape[0])
            exponentials = logits.exp_()
            yield (
                rows,
                [
                    ceiling(exponentials, None if weight is None else weight[rows])
                    for ceiling, weight in zip(self._ceilings, stored, strict=True)
                ],
            )


def of_sum(plan: Plan, scale: float) -> float:
    """The most, as a logarithm, that the rounding of a plan's sums adds to what its logits err."""
    lines = len(plan.background)
    return errors.of_sums(len(plan.sentences) + lines, 2 * errors.LENGTH * abs(scale) + math.log(lines + 1))
