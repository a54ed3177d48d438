"""Features of float16 times texts: a piece at a time, so that what was made float32 is still in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.float32 import tensor_of
from pipeline.signals import Features

PIECE = 1 << 20
"""Bytes of float32 features that are multiplied at a time: half of what a core's own cache holds on a server."""
CHUNK = 1 << 20
"""Bytes of logits that are looked at together: each call of torch costs as much for few rows as for many."""
ON_DEVICE = 1 << 26
"""Both, where there is a device."""


class Product:
    """Multiplies ``float16[V,D]`` by the transposed ``float32[T,D]`` and a scale, in float32. Used by one thread."""

    def __init__(self, texts: Features, scale: float, device: torch.device) -> None:
        scaled = np.ascontiguousarray((texts * np.float32(scale)).T)
        self._texts = torch.from_numpy(scaled).to(device)
        dimension, columns = max(1, texts.shape[1]), max(1, len(texts))
        piece, chunk = (PIECE, CHUNK) if device.type == "cpu" else (ON_DEVICE, ON_DEVICE)
        self._rows = max(64, piece // (4 * dimension))
        self._piece = torch.empty(self._rows, dimension, device=device)
        self._room = max(self._rows, chunk // (4 * columns))
        self._logits = torch.empty(self._room, len(texts), device=device)

    def chunks(self, features: Sequence[NDArray[np.float16]]) -> Iterator[tuple[int, torch.Tensor]]:
        """The first row of each chunk and its ``float32[N,T]``, which may be written over, and is by the next."""
        start = filled = 0
        for some, rows in self._cut(features):
            if filled + rows > self._room:
                yield start, self._logits[:filled]
                start, filled = start + filled, 0
            piece = self._piece if rows == self._rows else self._piece[:rows]
            torch.mm(piece.copy_(some), self._texts, out=self._logits[filled : filled + rows])
            filled += rows
        if filled:
            yield start, self._logits[:filled]

    def _cut(self, features: Sequence[NDArray[np.float16]]) -> Iterator[tuple[torch.Tensor, int]]:
        for each in features:
            halves, count = tensor_of(each), len(each)
            for start in range(0, count, self._rows):
                yield halves[start : start + self._rows], min(self._rows, count - start)
