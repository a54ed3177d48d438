"""The archiver's core: records of the features and reviews topics in, files in the store, and which records are done.

No record is done with before what is kept of it is durable. Where the store is away a call raises, and made again
goes on where it stood.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.intake import Sort
from pipeline.archive.keeping.kinds import Create, creating
from pipeline.archive.keeping.open_files import OpenFile
from pipeline.archive.keeping.partition import Partition
from pipeline.items import Batch
from pipeline.ports import Store
from pipeline.wire import Event


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """When a file is made, and which repeats are known.

    A file is made of what is `every` seconds old, or has `rows` or `file_bytes` (of records, as they came). All that
    is open has at most `open_bytes`: past that, what is largest is made a file at once. An event that comes again
    within `repeats` records of its partition is left out.
    """

    every: float = 300.0
    rows: int = 262_144
    file_bytes: int = 256 * 1024 * 1024
    open_bytes: int = 512 * 1024 * 1024
    repeats: int = 50_000


class Keeper:
    """Keeps what it is fed. One thread makes every call."""

    def __init__(
        self,
        store: Store,
        sorts: Mapping[str, Sort],
        policy: KeepPolicy | None = None,
        *,
        create: Create | None = None,
        hooks: ArchiveHooks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`sorts` says for each topic how its records are sorted; `create` makes files, if not just as they are."""
        self._store = store
        self._sorts = sorts
        self._hooks = hooks or ArchiveHooks()
        self._create = create or creating(store, self._hooks)
        self._policy = policy or KeepPolicy()
        self._clock = clock
        self._waiting: deque[tuple[int, Event]] = deque()
        self._partitions: dict[tuple[str, int], Partition] = {}

    def feed(self, batch: Batch) -> None:
        """Records that were polled, after all that were fed before. Nothing is done with them yet."""
        self._waiting.extend((batch.generation, item.event) for item in batch.items)
        self._hooks.taken(len(batch), sum(len(item.event.value or b"") for item in batch.items))

    def advance(self) -> list[Batch]:
        """Take what was fed, make the files that are due, and return what is done with since.

        Raises `StoreAwayError` when the store is away, and is to be called again later; other `StoreError`s when a
        person must mend something.
        """
        now = self._clock()
        while self._waiting:
            generation, event = self._waiting[0]
            self._of(event).take(event, generation, now)
            self._waiting.popleft()
        policy = self._policy
        for partition, each in self._all_open():
            if now - each.since >= policy.every or each.rows >= policy.rows or each.value_bytes >= policy.file_bytes:
                partition.write(each)
        self._make_room()
        return self._done()

    def flush(self) -> list[Batch]:
        """As `advance`, and everything is due."""
        self.advance()
        for partition, each in self._all_open():
            partition.write(each)
        return self._done()

    def _make_room(self) -> None:
        held = sum(each.value_bytes for _, each in self._all_open())
        while held > self._policy.open_bytes:
            partition, largest = max(self._all_open(), key=lambda found: found[1].value_bytes)
            held -= largest.value_bytes
            partition.write(largest)

    def _done(self) -> list[Batch]:
        done = [batch for partition in self._partitions.values() for batch in partition.done()]
        opened = [each for _, each in self._all_open()]
        oldest = min((each.since for each in opened), default=self._clock())
        self._hooks.open(len(opened), sum(each.value_bytes for each in opened), self._clock() - oldest)
        return done

    def _all_open(self) -> list[tuple[Partition, OpenFile]]:
        return [(partition, each) for partition in self._partitions.values() for each in partition.open()]

    def _of(self, event: Event) -> Partition:
        at = event.topic, event.partition
        if at not in self._partitions:
            sort, policy = self._sorts[event.topic], self._policy
            self._partitions[at] = Partition(*at, sort, self._store, self._create, self._hooks, policy.repeats)
        return self._partitions[at]
