"""Image features of a small model, for the tests of what remembers them."""

from __future__ import annotations

import numpy as np

from pipeline.ports import EncoderSpec, Remembered

SPEC = EncoderSpec("m", "print", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 8, 77, 100.0, None)


def remembered(seed: int, *, views: int = 1, frames: int = 1) -> Remembered:
    """``float32[V,8]`` of unit length, with their frames."""
    rows = np.random.default_rng(seed).normal(size=(views, SPEC.features))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), frames


def alike(found: dict[str, Remembered], expected: dict[str, Remembered]) -> bool:
    """Whether both hold the same images with the same features, to the last bit, and frames."""
    return found.keys() == expected.keys() and all(
        np.array_equal(found[name][0], features) and found[name][1] == frames
        for name, (features, frames) in expected.items()
    )
