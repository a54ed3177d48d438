"""What is searched for, as the search sees it: a score for each image, and a bound that is never below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.archive.archive import Block

Bounds = NDArray[np.float64]
Events = NDArray[np.intp]
"""Events of a block, by their indices."""


class Scored(NamedTuple):
    """An image's score, and which of its views has it, by its place among all its views."""

    score: float
    view: int


class Query(Protocol):
    """What is searched for. Safe to call from many threads once it is prepared."""

    @property
    def columns(self) -> Sequence[str]:
        """What `bounds` and `scores` need of a block."""

    def prepare(self, block: Block) -> None:
        """See some of the rows that will be asked about, to be quick with them."""

    def bounds(self, block: Block) -> Bounds:
        """``float64[E]``: for each event a number that its score does not exceed."""

    def closer(self, block: Block, events: Events) -> Bounds:
        """``float64[N]``: bounds of these N events that are worth more time than those of all events."""

    def scores(self, block: Block, events: Sequence[int]) -> list[Scored]:
        """The scores of these events, of which the best view counts."""


def of_events(values: NDArray[np.float64], block: Block) -> Bounds:
    """``float64[V]`` to ``float64[E]``: the greatest of each event's views."""
    return np.asarray(np.maximum.reduceat(values, block.offsets[:-1])) if block.events else np.zeros(0)
