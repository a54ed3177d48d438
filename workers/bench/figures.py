"""Everything that one bench measures, in order, and the arithmetic between the figures."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from workers.bench.latency import Latency
from workers.bench.limits import Cost, Forward
from workers.bench.prompts import PromptShare
from workers.bench.rounds import Null, Round, Streamed
from workers.bench.starts import Start, in_bytes
from workers.bench.warm_prompts import WarmPrompts

A = TypeVar("A")


@dataclass
class Figures:
    """One run, filled in as it goes on; what has not been measured (yet) is None or empty."""

    images: int
    """How many are streamed in each round."""
    mean_bytes: int
    cores: int
    model: str = ""
    dtype: str = ""
    views: float = 1.0
    """Views of an image, on average."""
    forwards: list[Forward] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)
    repeats: Cost | None = None
    prompts: PromptShare | None = None
    warm: WarmPrompts | None = None
    """None also where the settings name no Redis."""
    latencies: list[Latency] = field(default_factory=list)
    peers: dict[str, Cost] = field(default_factory=dict)
    start: tuple[Start, Start] | None = None
    missing: list[str] = field(default_factory=list)
    """What was not measured, or less often than usual, and why: a line each."""

    @property
    def memory(self) -> Streamed | None:
        """The stream through memory whose efficiency is in the middle."""
        return _middle([each.memory for each in self.rounds], by=lambda each: each.efficiency)

    @property
    def kafka(self) -> Streamed | None:
        """The stream through Kafka whose efficiency is in the middle; None without Kafka."""
        through = [each.kafka for each in self.rounds if each.kafka is not None]
        return _middle(through, by=lambda each: each.efficiency)

    @property
    def null(self) -> Null | None:
        """The stream with a model that costs nothing whose CPU time beside decode is in the middle."""
        return _middle([each.null for each in self.rounds], by=lambda each: each.beside_decode)

    @property
    def peak_bytes(self) -> int:
        """The most memory that this process has had so far."""
        return in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _middle(found: Sequence[A], by: Callable[[A], float]) -> A | None:
    return sorted(found, key=by)[len(found) // 2] if found else None
