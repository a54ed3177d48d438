"""Example pictures of policies as features, for tests: some that are like each other, and neutral ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.policies.assets import NEUTRAL, SEVERAL, Asset
from pipeline.rules.policies.policy_set import AssetName, Location
from pipeline.signals import Signals
from tests.signals_made import signals

Array = NDArray[np.float64]


def near(direction: Array, seed: int, spread: float = 0.1) -> Signals:
    """One view that points nearly there."""
    row = direction / np.linalg.norm(direction) + np.random.default_rng(seed).normal(0, spread, len(direction))
    return signals([row / np.linalg.norm(row)])


def shown(*paths: str) -> tuple[AssetName, ...]:
    return tuple(AssetName(path, path, Location("p.yaml")) for path in paths)


def seen(
    pictures: dict[str, Signals], dimension: int, neutral: int = 40, several: Sequence[Signals] = ()
) -> dict[str, Asset]:
    """These pictures by path, neutral ones that point anywhere, and these of several things at once."""
    rows: Sequence[Array] = np.random.default_rng(7).normal(size=(neutral, dimension))
    every = pictures | {f"{NEUTRAL}{at}.jpg": near(row, at, 0) for at, row in enumerate(rows)}
    every |= {f"{SEVERAL}{at}.jpg": each for at, each in enumerate(several)}
    return {path: Asset(path, path, signals=each) for path, each in every.items()}
