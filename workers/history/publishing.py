"""Decisions that were made anew, on their way to the decisions topic: kept, published at a rate, and marked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from pipeline.archive.archive import Archive, Segment
from pipeline.archive.denied import shown
from pipeline.archive.redecided import Anew, Name, Redecisions, anew
from pipeline.ports import Publisher
from pipeline.wire import Decided, Decision, Event

MOST = 2_000
"""Decisions that are kept in one object: what a run that was ended in the middle may publish once more."""
CHUNKS_A_SECOND = 4


class Publishing:
    """Publishes at most `rate` decisions a second, each after it has been kept.

    What an earlier run has kept, and may not have published to its end, is published first: nobody knows how much of
    it is out, and it comes again under the same ids.
    """

    def __init__(
        self,
        archive: Archive,
        publisher: Publisher,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.published = 0
        self.again = 0
        """Of them, those that an earlier run had kept."""
        self._archive = archive
        self._redecisions = Redecisions(archive.store)
        self._publisher = publisher
        self._rate = rate
        self._most = max(1, int(rate / CHUNKS_A_SECOND))
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    def finish(self, names: Iterable[Name]) -> None:
        """Publish what of these is not known to be out. Raises `PublishError` and `StoreError`."""
        for name in names:
            if not self._redecisions.is_published(name):
                self.again += self._publish(name)

    def publish(self, segment: Segment, known: list[Name], made: Sequence[Anew]) -> None:
        """Keep these decisions, add their object to those that are `known`, and publish them. Raises likewise."""
        name = self._redecisions.keep(segment, known, made)
        known.append(name)
        self._publish(name)

    def _publish(self, name: Name) -> int:
        """What has been erased since it was kept stays where it is, until the erasure comes by."""
        rows = shown(self._redecisions.rows(name), self._archive.deny_list.load())
        answers = [_answer(each.decision) for each in anew(rows)]
        for start in range(0, len(answers), self._most):
            chunk = answers[start : start + self._most]
            self._sleep(max(0.0, self._due - self._clock()))
            self._due = max(self._due, self._clock()) + len(chunk) / self._rate
            self._publisher.publish(chunk)
            self.published += len(chunk)
        self._redecisions.mark_published(name)
        return len(answers)


def _answer(decision: Decision) -> Decided:
    """The decision as the answer to its event, of which no more is known than what the decision says.

    So it goes to the partition where the decisions on its image are, and carries no headers of the event's.
    """
    source = decision.source
    key = decision.image_id.encode("utf-8", "surrogatepass")
    return Decided(Event(source.topic, source.partition, source.offset, key, None), decision)
