"""An archive that is filled in this process, without Kafka, by the keeper that an archiver has."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from pipeline.archive.archive import Archive
from pipeline.archive.keeping.keeper import Keeper
from pipeline.errors import RefusedError, StopError, StoreError
from pipeline.items import Batch, Item
from pipeline.ports import Publisher, Store
from pipeline.wire import Answer, Decided, Decision, Event, Topics, features_record_of
from workers.archiver.loop import sorted_topics

_MADE = ("decision_id", "content_sha256")


Made = tuple[str, str]
"""The id of a decision, and the sha256 of the content that it is of: a file may hold another picture by now."""


def made_before(archive: Archive, of: str) -> set[Made]:
    """What earlier runs of the command `of` have kept, some 200 bytes each; what Kafka brought is not looked at.

    Raises `StoreError`.
    """
    runs = [each for each in archive.segments() if each.name.topic.startswith(f"{of}.")]
    found = set[Made]()
    for block in archive.blocks(runs, _MADE):
        found.update(zip(*(block.column(name).to_pylist() for name in _MADE), strict=True))
    return found


def _made(decision: Decision) -> Made:
    return decision.decision_id, decision.content_sha256


class ArchivingPublisher:
    """A `Publisher` that passes answers on to another, and keeps what is remembered of those that it took.

    One thread uses it. It closes neither the other publisher nor the store.
    """

    def __init__(
        self,
        inner: Publisher,
        store: Store,
        stream: str,
        now: Callable[[], float] = time.time,
        there: Collection[Made] = (),
    ) -> None:
        """`stream` stands for a topic, and names this run alone: its offsets begin at 0 again.

        Decisions that are `there` already are not kept once more.
        """
        self._inner = inner
        self._now = now
        self._there = there
        self._topics = Topics(features=stream)
        self._keeper = Keeper(store, sorted_topics(features=self._topics.features))
        self.kept = 0
        """Events that were handed to the keeper."""

    def publish(self, answers: Sequence[Answer]) -> None:
        """As the other publisher does; what it refuses is not kept. Raises `StopError` where the store does not."""
        try:
            self._inner.publish(answers)
        except RefusedError as error:
            self._keep([each for at, each in enumerate(answers) if at not in {**error.refused, **error.unwritten}])
            raise
        self._keep(answers)

    def flush(self) -> None:
        """Make what is kept durable. Raises `StoreError`."""
        self._keeper.flush()

    def close(self) -> None:
        """There is nothing to free."""

    def _keep(self, answers: Sequence[Answer]) -> None:
        decided = (each for each in answers if isinstance(each, Decided) and each.features)
        new = (each for each in decided if _made(each.decision) not in self._there)
        items = [Item(self._event(each)) for each in new]
        self._keeper.feed(Batch(items))
        try:
            self._keeper.advance()
        except StoreError as error:
            raise StopError(str(error)) from error

    def _event(self, answer: Decided) -> Event:
        assert answer.features is not None  # noqa: S101 - for the type checker
        record = features_record_of(answer, answer.features, self._topics)
        self.kept += 1
        return Event(record.topic, 0, self.kept - 1, record.key, record.value, timestamp=self._now())
