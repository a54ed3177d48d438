"""kafka-python's consumer with our own answer to the question where a partition begins.

The library goes to the oldest or the newest record, silently, whenever it does not know. Here it is

- the oldest record there is, for a group that has committed nothing;
- the committed offset, where it belongs to the topic as it is: a topic that was made anew has another id (KIP-516),
  which every commit carries along, and the offsets of the old one mean nothing in it;
- the oldest record there is and a report of what is missing, where the committed offset has expired, lies behind the
  end, or belongs to a topic that is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from pipeline.adapters.kafka.assignor import HonestAssignor
from pipeline.adapters.kafka.fetcher import FairFetcher
from pipeline.adapters.kafka.losses import EXPIRED, RECREATED, TRUNCATED, Lost
from pipeline.rules.flow.assignment import Partition

_ASK_MS = 10_000
_ID = "topic-id:"


@dataclass(slots=True)
class _Moved:
    """A partition that does not go on where it should; why, is told by metadata that comes afterwards."""

    looked_for: int
    end: int | None = None
    """Where the log ends that we have read up to `looked_for`; None where it goes on at its oldest record."""
    recreated: bool = False
    certain: bool = False
    """Whether metadata has come since."""


class Consumer(KafkaConsumer):
    """A consumer that never skips events in silence. Like the library's, it is used by one thread."""

    def __init__(self, **settings: Any) -> None:
        # The library's metrics are read by nobody, and would count a second fetcher as the first again.
        super().__init__(**settings, auto_offset_reset="none", metrics_enabled=False)
        self._fair = FairFetcher(self._client, self._subscription, metrics=None, **self.config)
        self._fetcher = self._fair
        for assignor in self._coordinator._assignors.values():  # noqa: SLF001 - the library makes them itself
            if isinstance(assignor, HonestAssignor):
                assignor.holds = self._subscription.assigned_partitions
        self._ids: dict[Any, str | None] = {}
        self._moved: dict[Any, _Moved] = {}
        self._task: Any = None
        self._metadata_seen: float | None = None

    def lost(self) -> list[Lost]:
        """Events found to be lost since the last call. Called after every poll, before its events are used."""
        self._look_for_new_topics()
        found, self._fair.lost = self._fair.lost, []
        for partition, moved in list(self._moved.items()):
            if not self._subscription.is_assigned(partition):
                self._let_go(partition)
            elif moved.certain and (lost := self._lost_of(partition, moved)) is not None:
                self._let_go(partition)
                found.append(lost)
        self._take_moved()
        return found

    def _lost_of(self, partition: Any, moved: _Moved) -> Lost | None:
        """What is lost of a partition; None until it is known where it goes on."""
        if moved.end is not None:
            self._subscription.seek(partition, moved.end)
            return Lost(tuple(partition), TRUNCATED, moved.looked_for, moved.end)
        begins = self._fair.begun.pop(partition, None)
        if begins is None:
            return None
        reason = RECREATED if moved.recreated else EXPIRED if begins > moved.looked_for else TRUNCATED
        return Lost(tuple(partition), reason, moved.looked_for, begins)

    def _take_moved(self) -> None:
        """Take over what the fetcher found since the last call, and ask whether those topics are still the same."""
        found = {at: _Moved(offset) for at, offset in self._fair.taken(self._fair.out_of_range)}
        found |= {at: _Moved(offset, end) for at, (offset, end) in self._fair.taken(self._fair.cut)}
        for partition, moved in found.items():
            self._moved.setdefault(partition, moved)
        if found:
            self._cluster.request_update()

    def _let_go(self, partition: Any) -> None:
        self._moved.pop(partition, None)
        self._fair.held.discard(partition)

    def begin_anew(self, partition: Partition) -> None:
        """From now on, commits of this partition belong to the topic as it is now.

        Not a moment before what was done of the old one is forgotten: its offsets would be believed of the new one.
        """
        place = TopicPartition(*partition)
        self._ids[place] = self._topic_id(place.topic)

    def positions(self) -> dict[Partition, int]:
        """The offset at which the next poll goes on, for each partition for which it is known."""
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

    def topic_id(self, partition: Partition) -> str:
        """Of which topic the partition's events are that `poll` brings now; empty where the broker does not tell."""
        return self._ids.get(TopicPartition(*partition)) or ""

    def to_commit(self, partition: Partition, offset: int, *, tell_topic: bool = True) -> OffsetAndMetadata:
        """An offset to commit, together with the id of the topic that it belongs to."""
        topic_id = self._ids.get(TopicPartition(*partition)) if tell_topic else None
        return OffsetAndMetadata(offset, _ID + topic_id if topic_id else "", -1)

    def reaches_a_broker(self) -> bool:
        """Whether any broker has taken us in and the connection still stands."""
        ours: Any = self._manager
        return bool(ours.reaches_a_broker())

    def met(self) -> Sequence[Exception]:
        """What attempts to connect have met since a broker last took us in."""
        ours: Any = self._manager
        return list(ours.met())

    def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work on the library's thread and wait for it; raises what it raises."""
        self._net.run(work)

    async def within(self, future: Any, seconds: float) -> None:
        """Wait for an answer, on the library's thread; raises `KafkaTimeoutError` when it takes longer."""
        await self._manager.wait_for(future, seconds * 1000)

    async def rest(self, seconds: float) -> None:
        """Wait, on the library's thread, and leave it to its other work meanwhile."""
        await self._net.sleep(seconds)

    def _refresh_committed_offsets(self, timeout_ms: float | None = None) -> bool:  # noqa: ARG002 - the library's
        """Called by every poll: find where each new partition begins, without making the poll wait for the answer."""
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
        """Go to the committed offset, unless it belongs to another topic of that name. On the library's thread."""
        coordinator: Any = self._coordinator
        saved = await coordinator.fetch_committed_offsets_async(partitions, timeout_ms=_ASK_MS)
        for partition in partitions & self._subscription.missing_fetch_positions():
            self._ids[partition] = self._topic_id(partition.topic)
            self._fair.forget(partition)
            self._let_go(partition)
            committed = saved.get(partition)
            if committed is None:
                self._fair.to_the_oldest(partition)
            elif _belongs(committed.metadata, self._ids[partition]):
                self._subscription.seek(partition, committed.offset)
            else:
                self._moved[partition] = _Moved(committed.offset, recreated=True, certain=True)
                self._fair.to_the_oldest(partition)

    def _look_for_new_topics(self) -> None:
        """Begin anew in each topic that was made anew under us, as metadata that came since the last call tells."""
        seen = self._cluster._last_successful_refresh_ms  # noqa: SLF001 - there is no other mark of it
        if seen == self._metadata_seen:
            return
        self._metadata_seen = seen
        for partition in self._subscription.assigned_partitions():
            now, known = self._topic_id(partition.topic), self._ids.get(partition)
            if now is not None and now != known and partition in self._ids:
                if known is None:
                    self._ids[partition] = now
                else:
                    self._recreated(partition)
        for partition, moved in list(self._moved.items()):
            # A broker before 2.8 tells no ids: there nothing is known of the topic, and nothing will be.
            moved.certain |= self._topic_id(partition.topic) is not None or self._ids.get(partition) is None

    def _recreated(self, partition: Any) -> None:
        """Begin anew in a partition of another topic, unless that has begun."""
        position, moved = self._subscription.position(partition), self._moved.get(partition)
        if moved is None and position is not None:
            self._moved[partition] = _Moved(position.offset, recreated=True)
            self._fair.to_the_oldest(partition)
        elif moved is not None and not moved.recreated:
            moved.end, moved.recreated = None, True
            self._fair.to_the_oldest(partition)

    def _topic_id(self, topic: str) -> str | None:
        topic_id = self._cluster.topic_id(topic)
        return None if topic_id is None else str(topic_id)


def _belongs(metadata: str | None, topic_id: str | None) -> bool:
    """Whether an offset was committed for that very topic; an offset that names no topic is believed."""
    said = metadata is not None and metadata.startswith(_ID)
    return not said or topic_id is None or metadata == _ID + topic_id
