"""Rows of features against a few vectors, fast, and how far each product can be from what it is in real numbers.

A row is cast and multiplied in pieces that stay in a core's cache, which is the speed of a bare matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.float32 import of_product, tensor_of
from pipeline.signals import Features

PIECE = 1024
"""Rows that are cast at once: 2 MB of 512 floats."""
LONGEST = 1.001
"""The length that a unit vector may have once its numbers are rounded to float16: 1 and 2^-11 of it at most."""

Halves = NDArray[np.float16]


def error(dimension: int) -> float:
    """How far two float32 products of the same unit vectors of D numbers can be apart, in whatever order."""
    return 2 * LONGEST * of_product(dimension)


class Products:
    """`float32[N,D]` vectors, ready to be multiplied with rows. Safe to call from many threads."""

    def __init__(self, vectors: Features, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._vectors = torch.from_numpy(np.ascontiguousarray(vectors.T)).to(self._device)

    def of(self, rows: Sequence[Halves], look: Callable[[torch.Tensor], torch.Tensor]) -> NDArray[np.float64]:
        """``float64[V]`` that `look` makes of the products of some rows at a time, ``float32[P,N]``."""
        made = [
            look(self._piece(each[start : start + PIECE])).cpu()
            for each in rows
            for start in range(0, len(each), PIECE)
        ]
        return np.asarray(torch.cat(made).numpy(), np.float64) if made else np.zeros(0)

    def _piece(self, rows: Halves) -> torch.Tensor:
        return torch.mm(tensor_of(rows).to(self._device).float(), self._vectors)
