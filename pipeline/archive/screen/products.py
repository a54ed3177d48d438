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
LANES = 16
"""Texts are made a multiple of it by zeros: so many float32 a core multiplies at once, and a rest costs more."""
ON_DEVICE = 1 << 26
"""Pieces and chunks, where there is a device."""


class Product:
    """Multiplies ``float16[V,D]`` by the transposed ``float32[T,D]`` and a scale, in float32. Used by one thread."""

    def __init__(self, texts: Features, scale: float, device: torch.device) -> None:
        dimension, self.columns = max(1, texts.shape[1]), -(-max(1, len(texts)) // LANES) * LANES
        scaled = np.zeros((dimension, self.columns), np.float32)
        scaled[:, : len(texts)] = (texts * np.float32(scale)).T
        self._texts = torch.from_numpy(scaled).to(device)
        piece, chunk = (PIECE, CHUNK) if device.type == "cpu" else (ON_DEVICE, ON_DEVICE)
        self._rows = max(64, piece // (4 * dimension))
        self._piece = torch.empty(self._rows, dimension, device=device)
        self._room = max(1, chunk // (4 * self.columns) // self._rows) * self._rows
        self._logits = torch.empty(self._room, self.columns, device=device)

    def chunks(self, features: Sequence[NDArray[np.float16]]) -> Iterator[tuple[int, torch.Tensor]]:
        """The first row of each chunk and its ``float32[N,columns]``, which may be written over, and is by the next.

        The columns beyond the texts are zeros.
        """
        start = 0
        for each in features:
            for some in tensor_of(each).split(self._room):
                logits = self._logits[: len(some)]
                for halves, found in zip(some.split(self._rows), logits.split(self._rows), strict=True):
                    piece = self._piece if len(halves) == self._rows else self._piece[: len(halves)]
                    torch.mm(piece.copy_(halves), self._texts, out=found)
                yield start, logits
                start += len(some)
