"""The two ends of a `MemoryBroker`: a source that reads from it, a writer that writes to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.errors import PublishError, RefusedError, StopError
from pipeline.items import Batch, Item
from pipeline.ports import Hooks
from pipeline.rules.flow.assignment import Assignment, Partition
from pipeline.wire import Event, Record


class MemorySource:
    """A `Source` on a `MemoryBroker`; commits at once."""

    def __init__(
        self,
        broker: MemoryBroker,
        topics: Sequence[str],
        group: str,
        *,
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.topics = list(topics)
        self._broker = broker
        self._group = group
        self._hooks = hooks or Hooks()
        self._clock = clock
        self._ours = Assignment()
        self._positions: dict[Partition, int] = {}
        self._ids: dict[Partition, str] = {}
        self._paused = self._closed = False
        broker.join(group, self)

    @property
    def partitions(self) -> list[Partition]:
        return self._ours.partitions

    def assign(self, partitions: Sequence[Partition]) -> None:
        """Called by the broker. A new partition starts at the group's committed offset, one that stays goes on."""
        before = set(self._ours.partitions)
        if before == set(partitions):
            return
        for partition in before.difference(partitions):
            del self._positions[partition]
            self._hooks.lag(*partition, 0)
        self._ours.lose(before.difference(partitions))
        self._ours.gain(sorted(set(partitions) - before))
        for partition in set(partitions) - before:
            self._positions[partition] = self._broker.committed(self._group, partition)
            self._ids[partition] = self._broker.topic_id(partition[0])
        self._hooks.assigned(len(partitions))

    def poll(self, timeout: float, most: int) -> Batch | None:
        """Wait up to `timeout` seconds; wakes at once when a record is written."""
        self._check_open()
        with self._broker.changed:
            self._look_for_new_topics()
            self._broker.changed.wait_for(self._has_more, timeout)
            events = self._take(most) if self._has_more() else []
            for partition, position in self._positions.items():
                self._hooks.lag(*partition, self._broker.end(partition) - position)
            if not events:
                return None
            batch = Batch([Item(event) for event in events], self._clock(), self._ours.generation)
            self._ours.take(batch)
            return batch

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self, batch: Batch) -> None:
        self._check_open()
        with self._broker.changed:
            self._ours.mark(batch)
            done = self._ours.pending()
            self._broker.commit(self._group, {partition: each.offset for partition, each in done.items()})
        if done:
            self._hooks.committed(self._ours.committed(done))

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Does nothing: here partitions go at once, and their new owner repeats what was in flight."""

    def close(self) -> None:
        """Leave the group; its other members take over at once."""
        self._closed = True
        self._broker.leave(self._group, self)

    def _check_open(self) -> None:
        if self._closed:
            raise StopError("this source is closed")

    def _look_for_new_topics(self) -> None:
        for partition, known in self._ids.items():
            now = self._broker.topic_id(partition[0])
            if partition in self._positions and now != known:
                self._hooks.lost(*partition, "recreated", 0)
                self._ours.restart(partition, 0)
                self._positions[partition], self._ids[partition] = 0, now

    def _has_more(self) -> bool:
        ready = self._broker.available and not self._paused
        return ready and any(self._broker.end(partition) > at for partition, at in self._positions.items())

    def _take(self, most: int) -> list[Event]:
        events: list[Event] = []
        for partition, position in self._positions.items():
            found = self._broker.read(partition, position, most - len(events))
            self._positions[partition] = position + len(found)
            events += found
        # The partition that came first comes last next time, or a busy one would starve the others.
        first = next(iter(self._positions))
        self._positions[first] = self._positions.pop(first)
        return events


class MemoryWriter:
    """A `RecordWriter` on a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def write(self, records: Sequence[Record]) -> None:
        refused: dict[int, str] = {}
        for index, record in enumerate(records):
            if not self._broker.available:
                raise PublishError(f"the broker did not acknowledge a record for {record.topic}: it is down", index)
            if reason := self._broker.refuses(record):
                refused[index] = reason
            else:
                self._broker.append(record)
        if refused:
            raise RefusedError(refused)

    def close(self) -> None:
        """Nothing to free."""
