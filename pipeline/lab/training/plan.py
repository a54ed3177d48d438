"""The plan of a training run: its length, its seed, its learning rate and picture size at every step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Optimiser(StrEnum):
    """What moves the matrices among the weights; AdamW moves the rest in any case."""

    ADAMW = "adamw"
    MUON = "muon"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides a run. ``samples`` is its length in images, which is rounded up to whole batches."""

    samples: int
    batch: int = 256
    seed: int = 0
    peak: float = 1.5e-3  # learning rate after the warm-up
    warmup: int = 200  # steps, but at most a tenth of the run
    weight_decay: float = 0.05
    sizes: tuple[tuple[float, int], ...] = ()
    """Pixels a side up to each share of the run, as ``((0.5, 48), (1.0, 64))``; empty for the model's own size.

    Small pictures first ("progressive resizing") cost a fraction and teach most of what is learned.
    """
    lanes: int = 1
    """Single-threaded shares of each batch on a CPU; another number rounds differently."""
    frozen: tuple[str, ...] = ()
    """The parts that do not learn: ``image``, ``text``, ``stem``."""
    data: str = ""
    """Tells the training data from other data; empty for scenes of one hand, which the seed decides."""
    empty: int = 0
    """How many images of a batch show nothing; they take a frozen text tower (see `names`)."""
    shown: int = 1
    """How often scenes are shown, in steps that follow each other; after the first time they are `moved`."""
    mix_style: float = 0.0
    """The share of images that are shown again whose style is mixed with another's (see `mix_style`)."""
    began_from: str = ""
    """Tells the weights that the run began from; empty for random ones, which the seed decides."""
    font: str = ""
    """Tells the font of scenes from others."""
    optimiser: str = Optimiser.ADAMW.value
    """The value of an `Optimiser`: checkpoints hold no classes."""

    @property
    def steps(self) -> int:
        """Optimiser steps in the whole run."""
        return -(-self.samples // self.batch)

    def size(self, step: int, default: int) -> int:
        """Pixels a side at this step."""
        return next((size for until, size in self.sizes if step < until * self.steps), default)

    def same_run(self) -> dict[str, Any]:
        """What a checkpoint must agree on to be resumed."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after a step. ``rate`` is images per second of late; ``loss`` is this batch's, in nats."""

    step: int
    steps: int
    loss: float
    rate: float


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from one checkpoint to the next, and from one writing of the model folder to the next."""

    checkpoint: float = 120.0
    export: float = 600.0


def learning_rate(plan: Plan, step: int) -> float:
    """Linear warm-up, then half a cosine down to 1% of the peak."""
    warmup = min(plan.warmup, plan.steps // 10)
    if step < warmup:
        return plan.peak * (step + 1) / warmup
    done = (step - warmup) / max(1, plan.steps - warmup)
    return plan.peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
