"""An encoder without a model: what is left of a pipeline's cost when the forward pass costs nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from pipeline.signals import Features


class NullEncoder:
    """An `Encoder` without a model: the bytes of pixels and of sentences choose features of the shape of `spec`.

    Right for nothing but measuring what surrounds a model.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec
        self._table = _unit(np.random.default_rng(0).standard_normal((256, spec.features)))

    def encode_images(self, pixels: Pixels) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``: one byte of an image chooses one of 256 rows."""
        centre = pixels.shape[1] // 2
        return self._table[pixels[:, centre, centre, 0]]

    def encode_texts(self, texts: Sequence[str]) -> Features:
        """N sentences to L2-normalised ``float32[N,D]``, by their hashes."""
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts]
        rows = [np.random.default_rng(seed).standard_normal(self.spec.features) for seed in seeds]
        return _unit(np.array(rows).reshape(len(texts), self.spec.features))

    def count_tokens(self, text: str) -> int:
        """A token for each word, and the two marks."""
        return len(text.split()) + 2


def _unit(rows: NDArray[np.float64]) -> Features:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
