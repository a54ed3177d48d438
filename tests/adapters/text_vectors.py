"""Features of sentences, for tests of the caches that keep them."""

from __future__ import annotations

import numpy as np

from pipeline.signals import Features

D = 256


def unit(seed: int, dimension: int = D) -> Features:
    vector = np.random.default_rng(seed).normal(size=dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)


VECTORS = {f"digest-{number}": unit(number) for number in range(3)}
