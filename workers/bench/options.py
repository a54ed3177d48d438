"""Options of benches that stream made pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from workers.bench.budget import Budget
from workers.bench.images import jpegs
from workers.terminal.plain import say

MINUTES = 10.0
"""Enough for every part of the bench with a small model on two cores."""

Count = Annotated[int, typer.Option("--count", "-n", min=50, help="Images to stream.")]
Width = Annotated[int, typer.Option(min=32, help="Of the images, pixels.")]
Height = Annotated[int, typer.Option(min=32, help="Of the images, pixels.")]
Size = Annotated[int, typer.Option(min=1000, help="Of the images, bytes, about.")]
Minutes = Annotated[
    float, typer.Option(min=0.1, max=10_000, help="Time to take; what does not fit is left out, and named.")
]
Kafka = Annotated[bool, typer.Option("--kafka", help="Through Kafka too (--bootstrap-servers).")]


def budget_of(minutes: float) -> Budget:
    """The time to take, from now on; stderr says how it goes."""
    return Budget(60 * minutes, lambda line: say(f"sluice bench: {line}", err=True))


def made(budget: Budget, count: int, width: int, height: int, size: int) -> Sequence[bytes]:
    """JPEGs to stream."""
    budget.say(f"making {count} images")
    return jpegs(count, width, height, size)
