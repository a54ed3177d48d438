"""A section at work: what waits before it, and the parts of it that threads have in hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Condition, Lock

from pipeline.items import Batch
from pipeline.path.topology import Section
from pipeline.ports import Stage


@dataclass(slots=True, eq=False)
class Part:
    """What one thread of a section took in one go."""

    batch: Batch
    through: bool = False


class Running:
    """A section at work: what waits before it and what its threads have taken, oldest first. Used under the lock."""

    def __init__(self, section: Section, named: Mapping[str, Stage], lock: Lock) -> None:
        self.name = "+".join(section.stages)
        self.stages = [named[name] for name in section.stages]
        self.threads = section.threads
        self.gathers = section.gathers
        self.waiting: deque[Batch] = deque()
        self.inside: deque[Part] = deque()
        self.wake = Condition(lock)
        self.idle = 0
        """Threads that have nothing in hand."""
        self._shares = section.shares

    def ready(self, most: int) -> bool:
        """Whether something waits, and fewer than `most` views are through here but find no room ahead."""
        return bool(self.waiting) and sum(part.batch.views for part in self.inside if part.through) < most

    def take(self) -> Part:
        """One share of the batch that has waited the longest."""
        part = Part(self._share(self.waiting[0]))
        self.inside.append(part)
        return part

    def gather(self, part: Part) -> Batch | None:
        """A share more of what waits for a part of fewer views than are worth it; None where it may have none.

        It goes to no part but the latest, so that nothing is overtaken, and not while a thread is idle.
        """
        first, room = self.waiting[0], self.gathers - part.batch.views
        if room <= 0 or self.idle or self.inside[-1] is not part or not part.batch.can_absorb(first):
            return None
        return self._share(first, room)

    def batches(self) -> Iterator[Batch]:
        """The batches that have come as far as this section and no further, oldest first."""
        yield from (part.batch for part in self.inside)
        yield from self.waiting

    def _share(self, first: Batch, most: int | None = None) -> Batch:
        share = -(-len(first) // self._shares)
        share = share if most is None else min(share, most)
        return self.waiting.popleft() if share == len(first) else first.split(share)
