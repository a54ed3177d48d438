"""kafka-python's consumer with our own answer to the question where a partition begins.

The library goes to the oldest or the newest record, silently, whenever it does not know. Here it is

- the oldest record there is, for a group that has committed nothing;
- the committed offset, where it belongs to the topic as it is: a topic that was made anew has another id (KIP-516),
  which every commit carries along, and the offsets of the old one mean nothing in it;
- the oldest record there is and a report of what is missing, where the committed offset has expired, lies behind the
  end, or belongs to a topic that is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from pipeline.adapters.kafka.fetcher import (
    EXPIRED,
    FETCH_BYTES,
    PARTITION_FETCH_BYTES,
    RECREATED,
    TRUNCATED,
    FairFetcher,
    Lost,
)
from pipeline.adapters.kafka.network import SILENCE
from pipeline.rules.flow.assignment import Partition

if TYPE_CHECKING:
    from pipeline.adapters.kafka.source import Reading

METADATA_SECONDS = 8.0
"""How often the topics are looked at: new partitions are known after that, and ours three seconds later."""

_ASK_MS = 10_000
_ID = "topic-id:"


class Consumer(KafkaConsumer):
    """A consumer that never skips in silence. One thread owns it, as the library's."""

    def __init__(self, **settings: Any) -> None:
        # The library's metrics are read by nobody, and would count a second fetcher as the first again.
        super().__init__(**settings, auto_offset_reset="none", metrics_enabled=False)
        self._fair = FairFetcher(self._client, self._subscription, metrics=None, **self.config)
        self._fetcher = self._fair
        self._ids: dict[Any, str | None] = {}
        self._moved: dict[Any, tuple[int, str | None]] = {}
        self._task: Any = None
        self._metadata_seen: float | None = None

    def lost(self) -> list[Lost]:
        """What cannot be had any more, since this was last asked; to be asked after every poll, before the events."""
        self._look_for_new_topics()
        found, self._fair.lost = self._fair.lost, []
        while self._fair.out_of_range:
            partition, offset = self._fair.out_of_range.popitem()
            self._moved.setdefault(partition, (offset, None))
        for partition, (offset, reason) in list(self._moved.items()):
            if not self._subscription.is_assigned(partition):
                del self._moved[partition]
            elif (begins := self._fair.begun.pop(partition, None)) is not None:
                del self._moved[partition]
                found.append(_range(partition, offset, begins, reason))
        return found

    def positions(self) -> dict[Partition, int]:
        """Where the next poll goes on, for each partition that has a place to go on from."""
        found = {}
        for partition in self._subscription.assigned_partitions():
            position = self._subscription.position(partition) if self._subscription.is_assigned(partition) else None
            if position is not None and partition not in self._moved:
                found[tuple(partition)] = position.offset
        return found

    def end(self, partition: Partition) -> int | None:
        """One past the partition's last record when it was last fetched from; None before."""
        partition = TopicPartition(*partition)
        return self.highwater(partition) if self._subscription.is_assigned(partition) else None

    def to_commit(self, partition: Partition, offset: int, *, tell_topic: bool = True) -> OffsetAndMetadata:
        """An offset together with the topic that it belongs to."""
        topic_id = self._ids.get(TopicPartition(*partition)) if tell_topic else None
        return OffsetAndMetadata(offset, _ID + topic_id if topic_id else "", -1)

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Let the library's thread do that, and wait for it; raises what it raises."""
        self._net.run(work)

    async def within(self, future: Any, seconds: float) -> None:
        """On the library's thread: wait for an answer; raises `KafkaTimeoutError` when it takes longer."""
        await self._manager.wait_for(future, seconds * 1000)

    async def rest(self, seconds: float) -> None:
        """On the library's thread: let others have it."""
        await self._net.sleep(seconds)

    def _refresh_committed_offsets(self, timeout_ms: float | None = None) -> bool:  # noqa: ARG002 - the library's
        """Asked by every poll: find a place for each partition that has none, without making the poll wait for it."""
        if self._task is not None and self._task.is_done:
            task, self._task = self._task, None
            if task.failed() and not task.retriable():
                raise task.exception
        missing = self._subscription.missing_fetch_positions()
        if missing and self._task is None:
            self._task = self._manager.call_soon(self._begin, missing)
            self._fair._reset_task = self._task  # noqa: SLF001 - so that the poll wakes when it is done
        return not missing

    async def _begin(self, partitions: set[Any]) -> None:
        """On the library's thread: the committed offset, unless it belongs to another topic of that name."""
        coordinator: Any = self._coordinator
        saved = await coordinator.fetch_committed_offsets_async(partitions, timeout_ms=_ASK_MS)
        for partition in partitions & self._subscription.missing_fetch_positions():
            self._ids[partition] = self._topic_id(partition.topic)
            committed = saved.get(partition)
            if committed is None:
                self._fair.to_the_oldest(partition)
            elif _belongs(committed.metadata, self._ids[partition]):
                self._subscription.seek(partition, committed.offset)
            else:
                self._moved[partition] = (committed.offset, RECREATED)
                self._fair.to_the_oldest(partition)

    def _look_for_new_topics(self) -> None:
        """Whether metadata that came since tells of a topic that was made anew under us."""
        seen = self._cluster._last_successful_refresh_ms  # noqa: SLF001 - there is no other mark of it
        if seen == self._metadata_seen:
            return
        self._metadata_seen = seen
        for partition in self._subscription.assigned_partitions():
            now, known = self._topic_id(partition.topic), self._ids.get(partition)
            position = self._subscription.position(partition)
            if now is None or partition not in self._ids or now == known or position is None:
                continue
            self._ids[partition] = now
            if known is not None:
                self._moved[partition] = (position.offset, RECREATED)
                self._fair.to_the_oldest(partition)

    def _topic_id(self, topic: str) -> str | None:
        topic_id = self._cluster.topic_id(topic)
        return None if topic_id is None else str(topic_id)


def _belongs(metadata: str | None, topic_id: str | None) -> bool:
    """Whether an offset was committed for that very topic; whoever has not said is believed."""
    said = metadata is not None and metadata.startswith(_ID)
    return not said or topic_id is None or metadata == _ID + topic_id


def _range(partition: Any, looked_for: int, begins: int, reason: str | None) -> Lost:
    """What is missing between the offset that was looked for and the oldest record that there is."""
    if reason is None:
        reason = EXPIRED if begins > looked_for else TRUNCATED
    return Lost(tuple(partition), reason, looked_for, begins)


def member_settings(group: str, reading: Reading) -> dict[str, Any]:
    """What makes a consumer a member of that group."""
    session_ms = int(reading.session_timeout * 1000)
    return {
        "group_id": group,
        "enable_auto_commit": False,
        # Alone: mixed with an eager one, the library refuses. The default two are eager.
        "partition_assignment_strategy": [CooperativeStickyAssignor],
        "allow_auto_create_topics": False,
        "fetch_max_bytes": FETCH_BYTES,
        "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
        "isolation_level": reading.isolation_level,
        "request_timeout_ms": int(SILENCE * 1000),
        "metadata_max_age_ms": int(METADATA_SECONDS * 1000),
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": min(3_000, session_ms // 3),
        "max_poll_interval_ms": int(reading.max_poll_interval * 1000),
    }
