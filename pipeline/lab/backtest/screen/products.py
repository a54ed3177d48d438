"""Features of float16 times texts: a piece at a time, so that what was made float32 is still in the cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.utils import dlpack

from pipeline.signals import Features

PIECE = 1 << 20
"""Bytes of float32 features that are multiplied at a time: half of what a core's own cache holds on a server."""
ON_DEVICE = 1 << 26
"""The same where there is a device."""


class Product:
    """Multiplies ``float16[V,D]`` by the transposed ``float32[T,D]`` and a scale, in float32."""

    def __init__(self, texts: Features, scale: float, device: torch.device) -> None:
        scaled = np.ascontiguousarray((texts * np.float32(scale)).T)
        self._texts = torch.from_numpy(scaled).to(device)
        self._device = device
        dimension = max(1, texts.shape[1])
        self.rows = max(64, (PIECE if device.type == "cpu" else ON_DEVICE) // (4 * dimension))
        """How many are multiplied at a time."""
        self._piece = torch.empty(self.rows, dimension, device=device)

    @property
    def columns(self) -> int:
        return self._texts.shape[1]

    def pieces(
        self, features: NDArray[np.float16], into: torch.Tensor | None = None
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """The first row of each piece and its ``float32[N,T]``, which is written over by the next without `into`."""
        halves, scratch = tensor_of(features), None
        for start in range(0, len(features), self.rows):
            some = halves[start : start + self.rows]
            piece = self._piece[: len(some)].copy_(some)
            if into is None:
                scratch = torch.empty(self.rows, self.columns, device=self._device) if scratch is None else scratch
                found = torch.mm(piece, self._texts, out=scratch[: len(some)])
            else:
                found = torch.mm(piece, self._texts, out=into[start : start + len(some)])
            yield start, found


def tensor_of(features: NDArray[np.float16]) -> torch.Tensor:
    """The same memory as a tensor, which is only read: torch warns of arrays that may not be written to."""
    contiguous = np.ascontiguousarray(features)
    flat = pa.Array.from_buffers(pa.float16(), contiguous.size, [None, pa.py_buffer(contiguous)])
    return dlpack.from_dlpack(flat).view(contiguous.shape)
