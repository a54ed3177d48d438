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
        self, features: Sequence[NDArray[np.float16]], into: torch.Tensor | None = None
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """The first row of each piece and its ``float32[N,T]``, which is written over by the next without `into`."""
        scratch = torch.empty(self.rows if into is None else 0, self.columns, device=self._device)
        start = 0
        for some in self._cut(features):
            end = start + len(some)
            piece = self._piece[: len(some)].copy_(some)
            yield start, torch.mm(piece, self._texts, out=scratch[: len(some)] if into is None else into[start:end])
            start = end

    def _cut(self, features: Sequence[NDArray[np.float16]]) -> Iterator[torch.Tensor]:
        for each in features:
            halves = tensor_of(each)
            for start in range(0, len(each), self.rows):
                yield halves[start : start + self.rows]
