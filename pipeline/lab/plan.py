"""What a training run is, told before it begins: its length, its seed, its learning rate at every step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is. ``scenes`` is the whole run's length, rounded up to whole batches."""

    scenes: int = 880_000
    batch: int = 256
    seed: int = 0
    peak: float = 1.5e-3  # learning rate after the warm-up
    warmup: int = 200  # steps
    weight_decay: float = 0.05
    device: str = "cpu"
    font: Path | None = None

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole run."""
        return -(-self.scenes // self.batch)

    def same_run(self) -> dict[str, Any]:
        """What a checkpoint must agree on to be resumed; length, device and font may change."""
        return {key: value for key, value in asdict(self).items() if key not in ("scenes", "device", "font")}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after a step. ``rate`` is scenes per second of late, ``loss`` of this batch, in nats."""

    step: int
    steps: int
    loss: float
    rate: float


@dataclass(frozen=True, slots=True)
class Times:
    """How often, in seconds, a run writes its checkpoint and its model folder."""

    checkpoint: float = 120.0
    export: float = 600.0


def learning_rate(plan: Plan, step: int) -> float:
    """Linear warm-up, then half a cosine down to 1% of the peak."""
    if step < plan.warmup:
        return plan.peak * (step + 1) / plan.warmup
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    return plan.peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
