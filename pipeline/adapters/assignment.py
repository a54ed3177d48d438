"""Which partitions are ours, since which assignment, and how far each is done: bookkeeping without any I/O."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.items import Batch

Place = tuple[str, int]
"""A topic and one of its partitions."""


@dataclass(frozen=True, slots=True)
class Done:
    """The offset to commit for a partition, and how many events that marks as done."""

    offset: int
    events: int


class Assignment:
    """The partitions of one group member.

    Every change of the assignment starts a new `generation`, and each partition remembers the generation in which it
    came: a batch polled before that belongs to an earlier tenancy, and what it did is left out. A partition that a
    cooperative rebalance leaves in place keeps its old generation, so its batches stay good.

    Safe to share between the thread that polls and the thread that is told of rebalances.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: dict[Place, int] = {}
        self._done: dict[Place, Done] = {}
        self._generation = 0

    @property
    def generation(self) -> int:
        """The number of the current assignment; goes into every batch that is polled under it."""
        return self._generation

    @property
    def places(self) -> list[Place]:
        """The partitions that are ours now, sorted."""
        with self._lock:
            return sorted(self._since)

    def gain(self, places: Iterable[Place]) -> None:
        """Partitions came to us; what an earlier tenancy left of them is forgotten."""
        with self._lock:
            self._generation += 1
            for place in places:
                self._since[place] = self._generation
                self._done.pop(place, None)

    def lose(self, places: Iterable[Place]) -> dict[Place, Done]:
        """Partitions went; returns what of them is done and not committed yet."""
        with self._lock:
            self._generation += 1
            gone = [place for place in places if self._since.pop(place, None) is not None]
            return {place: self._done.pop(place) for place in gone if place in self._done}

    def mark(self, batch: Batch) -> None:
        """A batch is done; what belongs to partitions that are not ours, or were lost meanwhile, is left out."""
        events = Counter((item.event.topic, item.event.partition) for item in batch.items)
        with self._lock:
            for place, offset in batch.next_offsets().items():
                if self._since.get(place, batch.generation + 1) <= batch.generation:
                    waiting = self._done.get(place, Done(0, 0))
                    self._done[place] = Done(offset, waiting.events + events[place])

    def pending(self) -> dict[Place, Done]:
        """What is done and not committed yet."""
        with self._lock:
            return dict(self._done)

    def committed(self, sent: dict[Place, Done]) -> int:
        """The broker has taken `sent`: forget it, and return how many events that were."""
        with self._lock:
            for place, done in sent.items():
                if self._done.get(place) == done:
                    del self._done[place]
            return sum(done.events for done in sent.values())
