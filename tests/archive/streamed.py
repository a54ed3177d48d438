"""Features records on their way through a topic into an archive, in this process."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.adapters.memory.ends import MemorySource
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.keeping import intake
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.keeper import Keeper, KeepPolicy
from pipeline.errors import StoreAwayError
from pipeline.ports import Store
from pipeline.wire import FEATURES_TOPIC, REVIEWS_TOPIC, ArchiveRecord, Record, archive_record_bytes

GROUP = "archivers"
SORTS = {FEATURES_TOPIC: intake.features, REVIEWS_TOPIC: intake.review}
AT_ONCE = KeepPolicy(every=0.0)


class AwayStore(MemoryStore):
    """A store that is away for the next `fails` calls that write, and afterwards has written them or not."""

    fails = 0
    written_for_all_that = False
    failed = 0

    def create(self, path: str, data: bytes) -> bool:
        if self.fails:
            self.fails -= 1
            self.failed += 1
            if self.written_for_all_that:
                super().create(path, data)
            raise StoreAwayError("it is away")
        return super().create(path, data)


class Stream:
    """A broker with a features topic, and archivers on it that move when they are told to."""

    def __init__(self, store: Store | None = None, partitions: int = 1) -> None:
        self.broker = MemoryBroker(partitions)
        self.store = store or MemoryStore()

    def put(self, *records: ArchiveRecord | bytes, topic: str = FEATURES_TOPIC) -> None:
        for record in records:
            value = record if isinstance(record, bytes) else archive_record_bytes(record)
            self.broker.append(Record(topic, b"key", value))

    def make_anew(self) -> None:
        """The features topic is deleted, and made again."""
        self.broker.delete_topic(FEATURES_TOPIC)

    def archiver(self, policy: KeepPolicy = AT_ONCE, hooks: ArchiveHooks | None = None) -> OneArchiver:
        return OneArchiver(self, policy, hooks)

    def archived(self, policy: KeepPolicy = AT_ONCE, most: int = 1000) -> None:
        """Archive all that is there by an archiver that then leaves."""
        archiver = self.archiver(policy)
        archiver.run(most)
        archiver.source.close()

    def committed(self, topic: str = FEATURES_TOPIC) -> int:
        return sum(self.broker.committed(GROUP, (topic, each)) for each in range(self.broker.partitions(topic)))

    def events(self) -> list[str]:
        """The event ids of all that the archive holds, by segment and row."""
        return events_in(self.store)


class OneArchiver:
    def __init__(self, stream: Stream, policy: KeepPolicy, hooks: ArchiveHooks | None) -> None:
        self.now = 0.0
        self.source = MemorySource(stream.broker, list(SORTS), GROUP)
        self.keeper = Keeper(stream.store, SORTS, policy, hooks=hooks, clock=lambda: self.now)

    def poll(self, most: int = 1000) -> bool:
        """Feed what one poll brings; whether it brought anything."""
        batch = self.source.poll(0.0, most)
        if batch is not None:
            self.keeper.feed(batch)
        return batch is not None

    def run(self, most: int = 1000) -> None:
        """Archive all that is there, and commit what is done."""
        while self.poll(most):
            self.commit()
        self.commit()

    def commit(self) -> None:
        for batch in self.keeper.advance():
            self.source.commit(batch)


def events_in(store: Store) -> list[str]:
    archive = Archive(store)
    blocks = archive.blocks(archive.segments(), ["event_id"])
    return [event for block in blocks for event in block.column("event_id").to_pylist()]


def ids(records: Sequence[ArchiveRecord]) -> list[str]:
    return [record.decision.event_id for record in records]  # type: ignore[union-attr]
