"""Coarse features times texts: a product of int8 matrices, which is exact, and how far a logit of it may be off.

Texts are turned and put into codes as rows are. What codes leave out of either has a length, and a logit is off by no
more than these, each times the length of the other. Finer codes of texts would halve that, and the rows that are left
with it; they would take twice the columns, which costs more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pipeline.archive.coarse import MOST, Coarse, turned
from pipeline.archive.float32 import UNIT, tensor_of
from pipeline.archive.screen.errors import LENGTH
from pipeline.archive.screen.products import LANES
from pipeline.signals import Features

CHUNK = 1 << 16
"""Numbers that a product has at a time: what is made of them does not leave the cache."""


class CoarseProduct:
    """Multiplies coarse rows by T texts and a scale. Used by one thread, on the CPU."""

    def __init__(self, texts: Features, scale: float) -> None:
        """`texts`: ``float32[T,D]``."""
        self.columns = -(-max(1, len(texts)) // LANES) * LANES
        self._scale = scale
        self._codes, self._step, self._left_out = _in_codes(texts, self.columns)
        self._longest = float(np.linalg.norm(texts.astype(np.float64), axis=1).max(initial=1.0)) * (1 + UNIT)
        self._rows = max(64, CHUNK // self.columns)
        self._products = torch.empty(self._rows, self.columns, dtype=torch.int32)
        self._logits = torch.empty(self._rows, self.columns)

    def chunks(self, coarse: Coarse) -> Iterator[tuple[int, torch.Tensor]]:
        """As `Product.chunks`: the first row of each chunk and its logits, which may be written over."""
        scales = torch.from_numpy(coarse.steps * np.float32(self._step * self._scale)).unsqueeze(1)
        start = 0
        for piece in coarse.codes:
            for some in tensor_of(piece).split(self._rows):
                products, logits = self._products[: len(some)], self._logits[: len(some)]
                torch._int_mm(some, self._codes, out=products)  # noqa: SLF001 - it has no other name
                yield start, logits.copy_(products).mul_(scales[start : start + len(some)])
                start += len(some)

    def off(self, coarse: Coarse) -> torch.Tensor:
        """``float32[V]``: the most that a row's logits are off."""
        of_row, of_text = self._longest + self._left_out, LENGTH * self._left_out
        rounding = 8 * UNIT * LENGTH * self._longest
        most = torch.from_numpy(coarse.errors * np.float32(abs(self._scale) * of_row * (1 + 8 * UNIT)))
        return most.add_(abs(self._scale) * (of_text + rounding) * (1 + 8 * UNIT))


def _in_codes(texts: Features, columns: int) -> tuple[torch.Tensor, float, float]:
    """Codes ``int8[D,columns]``, their step, and the greatest length of what they leave out of a text."""
    found = turned(texts.astype(np.float64))
    step = float(np.abs(found).max(initial=0.0)) / MOST or 1.0
    codes = np.rint(found / step)
    left = float(np.linalg.norm(found - codes * step, axis=1).max(initial=0.0)) + 1e-12
    padded = np.pad(codes, ((0, columns - len(codes)), (0, 0)))
    return torch.from_numpy(np.ascontiguousarray(padded.T.astype(np.int8))), step, left
