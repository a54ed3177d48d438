"""Rows of features against a few vectors, fast, and how far each product can be from what it is in real numbers.

A row is cast and multiplied in pieces that stay in a core's cache, which is the speed of a bare matrix product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.signals import Features

PIECE = 1024
"""Rows that are cast at once: 2 MB of 512 floats."""
UNIT = 2.0**-24
"""What float32 rounds by, as a share of what is rounded."""
LONGEST = 1.001
"""The length that a unit vector may have once its numbers are rounded to float16: 1 and 2^-11 of it at most."""

Halves = NDArray[np.float16]


def error(dimension: int) -> float:
    """How far two float32 products of the same unit vectors of D numbers can be apart, whoever adds in which order.

    Each is within ``D u / (1 - D u)`` of the true one (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
    """
    share = dimension * UNIT
    return 2 * LONGEST * share / (1 - share)


class Products:
    """`float32[N,D]` vectors, ready to be multiplied with rows. Safe to call from many threads."""

    def __init__(self, vectors: Features, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._vectors = torch.from_numpy(np.ascontiguousarray(vectors.T)).to(self._device)

    def of(self, rows: Halves, look: Callable[[torch.Tensor, slice], torch.Tensor]) -> NDArray[np.float64]:
        """``float64[V]`` that `look` makes of each piece's products, ``float32[P,N]``, and the piece's place."""
        pieces = [slice(start, start + PIECE) for start in range(0, len(rows), PIECE)]
        made = [look(self._piece(rows[piece]), piece).cpu() for piece in pieces]
        return np.asarray(torch.cat(made).numpy(), np.float64) if made else np.zeros(0)

    def _piece(self, rows: Halves) -> torch.Tensor:
        return torch.mm(_tensor(rows).to(self._device).float(), self._vectors)


class _Lent:
    """Rows of a file that is mapped and cannot be written to: torch would warn of that, and nobody here writes."""

    def __init__(self, rows: Halves) -> None:
        self._rows = rows  # kept for as long as somebody looks at its memory
        self.__array_interface__ = {**rows.__array_interface__, "data": (rows.ctypes.data, False)}


def _tensor(rows: Halves) -> torch.Tensor:
    return torch.from_numpy(np.asarray(_Lent(rows)))
