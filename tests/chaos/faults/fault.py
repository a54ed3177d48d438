"""What a fault is: something that is done to a rig, lasts for a while, and is undone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar, TypeVar

from tests.chaos.rig import Rig

T = TypeVar("T")


class Fault(ABC):
    """One that is to happen. All that it chooses is drawn when it is made, so that a seed repeats it."""

    name: ClassVar[str]
    in_a_deck: ClassVar[int] = 1
    """How often it comes while every other comes once."""
    lasts: float = 0.0
    """Seconds between its begin and its end."""
    kills: int = 0
    """Processes that it has ended with SIGKILL, so far."""
    told: str = ""
    """What it did to whom, for the log of the run."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.which = draw.random()

    @abstractmethod
    def begin(self, rig: Rig) -> None:
        """Do it."""

    def end(self, rig: Rig) -> None:  # noqa: B027 - most faults of a moment leave nothing to undo
        """Undo it; nothing where there is nothing to undo."""

    def chosen(self, among: Sequence[T]) -> T | None:
        """The one that was drawn, of however many there are by now; None where there is none."""
        return among[int(self.which * len(among))] if among else None
