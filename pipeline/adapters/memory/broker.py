"""Topics, partitions and consumer groups in one process."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Protocol
from zlib import crc32

from pipeline.adapters.memory.log import Log
from pipeline.rules.flow.assignment import Partition
from pipeline.wire import Event, Record


class Member(Protocol):
    """One member of a group, as the broker sees it."""

    topics: list[str]

    @property
    def partitions(self) -> list[Partition]:
        """The partitions that are this member's now."""

    def assign(self, partitions: Sequence[Partition]) -> None:
        """Make these the member's partitions, in place of those before."""


class MemoryBroker:
    """Topics, partitions and groups in one process. Safe to share between threads.

    Topics are made when first named, with `partitions` partitions each. A record with a key goes to the partition
    that the key hashes to, one without goes to the partitions in turn. Set `available` to False to play a broker that
    is down: nothing is acknowledged, nothing is polled, and nothing is forgotten. `limits` are the most bytes of a
    record that a topic takes, key and headers included; one in `compacted` takes no record without a key.
    """

    def __init__(self, partitions: int = 4, clock: Callable[[], float] = time.time) -> None:
        self.available = True
        self.changed = threading.Condition()
        self.limits: dict[str, int] = {}
        self.compacted: set[str] = set()
        self._clock = clock
        self._partitions = partitions
        self._turn = count()
        self._topics: dict[str, list[Log]] = {}
        self._deletions: defaultdict[str, int] = defaultdict(int)
        self._committed: dict[tuple[str, Partition], int] = {}
        self._members: defaultdict[str, list[Member]] = defaultdict(list)

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic with its own number of partitions; one that exists stays as it is."""
        with self.changed:
            self._topics.setdefault(name, [Log() for _ in range(partitions)])

    def delete_topic(self, name: str) -> None:
        """Delete a topic with what groups have committed of it; it is made anew when it is next named."""
        with self.changed:
            number = len(self._topics.pop(name, []))
            self._deletions[name] += 1
            for partition in ((name, each) for each in range(number)):
                for at in [at for at in self._committed if at[1] == partition]:
                    del self._committed[at]

    def topic_id(self, name: str) -> str:
        """Which topic of that name it is."""
        with self.changed:
            return f"{name}/{self._deletions[name]}"

    def refuses(self, record: Record) -> str | None:
        """Why the record's topic will never take it; None where it will."""
        headers = sum(len(name) + len(value or b"") for name, value in record.headers)
        size = len(record.key or b"") + len(record.value or b"") + headers
        if size > self.limits.get(record.topic, size):
            return f"the record has {size} bytes, more than {record.topic} takes"
        if record.key is None and record.topic in self.compacted:
            return f"{record.topic} is compacted and takes no record without a key"
        return None

    def append(self, record: Record) -> Event:
        """Write one record and wake whoever polls its topic; returns it as an event."""
        with self.changed:
            logs = self._logs(record.topic)
            number = self._partition_of(record) % len(logs)
            offset, headers = logs[number].end, list(record.headers)
            now, topic_id = self._clock(), self.topic_id(record.topic)
            event = Event(record.topic, number, offset, record.key, record.value, headers, now, topic_id)
            logs[number].append(event)
            if any(record.topic in member.topics for members in self._members.values() for member in members):
                self.changed.notify_all()
            return event

    def records(self, topic: str) -> list[Event]:
        """All that the topic holds, by partition and offset."""
        with self.changed:
            return [event for log in self._logs(topic) for event in log.read(log.first)]

    def read(self, partition: Partition, offset: int, most: int) -> list[Event]:
        with self.changed:
            return self._log(partition).read(offset, most)

    def partitions(self, topic: str) -> int:
        with self.changed:
            return len(self._logs(topic))

    def partition_of(self, topic: str, key: bytes) -> int:
        """Where the next record with that key goes."""
        return crc32(key) % self.partitions(topic)

    def first(self, partition: Partition) -> int:
        """The offset of the oldest record that has not been deleted."""
        with self.changed:
            return self._log(partition).first

    def delete_before(self, partition: Partition, offset: int) -> None:
        """Delete the partition's records up to that offset, which is at most its end."""
        with self.changed:
            self._log(partition).delete_before(offset)

    def keep_newest(self, most: int) -> None:
        """Delete all but that many records of each partition of every topic, as a broker's retention does."""
        with self.changed:
            for log in [log for logs in self._topics.values() for log in logs]:
                log.delete_before(log.end - most)

    def end(self, partition: Partition) -> int:
        """The offset that the partition's next record will get."""
        with self.changed:
            return self._log(partition).end

    def committed(self, group: str, partition: Partition) -> int:
        """Where a new owner of the partition begins: 0 if the group has committed nothing there."""
        with self.changed:
            return self._committed.get((group, partition), 0)

    def commit(self, group: str, offsets: Mapping[Partition, int]) -> None:
        with self.changed:
            self._committed.update({(group, partition): offset for partition, offset in offsets.items()})

    def join(self, group: str, member: Member) -> None:
        """Add a member and share the partitions out anew."""
        with self.changed:
            self._members[group].append(member)
            self._rebalance(group)

    def leave(self, group: str, member: Member) -> None:
        """Take a member out (politely or by force) and share the partitions out anew. Idempotent."""
        with self.changed:
            if member in self._members[group]:
                self._members[group].remove(member)
                member.assign([])
                self._rebalance(group)

    def _partition_of(self, record: Record) -> int:
        if record.partition is not None:
            return record.partition
        return next(self._turn) if record.key is None else crc32(record.key)

    def _log(self, partition: Partition) -> Log:
        return self._logs(partition[0])[partition[1]]

    def _logs(self, topic: str) -> list[Log]:
        return self._topics.setdefault(topic, [Log() for _ in range(self._partitions)])

    def _rebalance(self, group: str) -> None:
        """Deal each topic's partitions out to the members that want it, in turn. Losses are told before gains."""
        shares: dict[Member, list[Partition]] = {member: [] for member in self._members[group]}
        for topic in sorted({topic for member in shares for topic in member.topics}):
            wanting = [member for member in shares if topic in member.topics]
            for number in range(len(self._logs(topic))):
                shares[wanting[number % len(wanting)]].append((topic, number))
        for member, partitions in shares.items():
            member.assign([partition for partition in member.partitions if partition in partitions])
        for member, partitions in shares.items():
            member.assign(partitions)
        self.changed.notify_all()
