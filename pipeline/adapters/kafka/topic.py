"""A topic of Kafka's as it lies: read from here to there, and never beyond what was there at the beginning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, OffsetSpec, TopicPartition, errors
from kafka.admin import OffsetTimestamp
from kafka.partitioner import murmur2

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.fetcher import FETCH_BYTES, PARTITION_FETCH_BYTES
from pipeline.adapters.kafka.group import group_offsets
from pipeline.adapters.kafka.records import events
from pipeline.adapters.kafka.rights import is_hidden, missing_right
from pipeline.errors import ServiceError
from pipeline.ports import Span, Spans
from pipeline.wire import Event

PATIENCE = 30.0
"""Seconds without a record after which reading is given up: a broker that restarts is back by then."""

_SLICE_MS = 500
_ANSWER_MS = 15_000


class KafkaTopic:
    """A `Topic` on Kafka. Progress is the offset of a group without members, so Kafka forgets it as it does others'.

    (``offsets.retention.minutes`` after it was last kept: a week, unless the broker says otherwise.)
    """

    def __init__(
        self, connection: KafkaConnection, name: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Connect; blocks for up to about ten seconds. Raises `ServiceError`: no broker, or no such topic."""
        self.name = name
        self._connection = connection
        self._clock = clock
        self._ending = ExitStack()
        with connection.reaching():
            made = connection.client(KafkaAdminClient, request_timeout_ms=_ANSWER_MS)
            self._admin: Any = self._ending.enter_context(closing(made))
            [found] = self._admin.describe_topics([name])
        if is_hidden(found):
            self.close()
            raise ServiceError(str(missing_right(connection, found, "READ")))
        if found["error_code"]:
            self.close()
            raise ServiceError(f"Kafka at {connection.bootstrap_servers} has no topic {name}")
        self.id = str(found.get("topic_id") or "")
        self._partitions = [TopicPartition(name, each["partition_index"]) for each in found["partitions"]]

    def spans(self) -> dict[int, Span]:
        with self._connection.reaching():
            firsts = self._admin.list_partition_offsets(dict.fromkeys(self._partitions, OffsetSpec.EARLIEST))
            ends = self._admin.list_partition_offsets(dict.fromkeys(self._partitions, OffsetSpec.LATEST))
        return {at.partition: Span(firsts[at].offset, ends[at].offset) for at in self._partitions}

    def offsets_at(self, time: float) -> dict[int, int]:
        spec = OffsetTimestamp(max(0, int(time * 1000)))
        with self._connection.reaching():
            found = self._admin.list_partition_offsets(dict.fromkeys(self._partitions, spec))
        ends = {number: span.end for number, span in self.spans().items()}
        return {at.partition: ends[at.partition] if at_.offset < 0 else at_.offset for at, at_ in found.items()}

    def partition_of(self, key: bytes) -> int:
        return int(murmur2(key) & 0x7FFFFFFF) % len(self._partitions)

    def read(self, spans: Spans) -> Iterator[Event]:
        wanted = {TopicPartition(self.name, number): span for number, span in spans.items() if span.first < span.end}
        if not wanted:
            return
        with self._connection.reaching():
            consumer: Any = self._connection.client(
                KafkaConsumer,
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # what has expired meanwhile is left out
                allow_auto_create_topics=False,
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            )
        with closing(consumer):
            consumer.assign(list(wanted))
            for partition, span in wanted.items():
                consumer.seek(partition, span.first)
            yield from self._until_their_ends(consumer, {at: span.end for at, span in wanted.items()})

    def _until_their_ends(self, consumer: Any, ends: Mapping[TopicPartition, int]) -> Iterator[Event]:
        """Positions tell the end, and not records: a transaction's marker takes an offset and is never delivered."""
        before: dict[TopicPartition, int] = {}
        moved = self._clock()
        while behind := _behind(consumer, ends):
            if behind != before:
                before, moved = behind, self._clock()
            elif self._clock() - moved > PATIENCE:
                raise ServiceError(f"Kafka has not answered for {PATIENCE:g} s while {self.name} was read")
            for partition in set(ends) - set(behind):
                consumer.pause(partition)  # the others are not to wait for what is not asked for
            for event in self._slice(consumer):
                if event.offset < ends[TopicPartition(event.topic, event.partition)]:
                    yield event

    def _slice(self, consumer: Any) -> Iterable[Event]:
        try:
            return list(events(consumer.poll(timeout_ms=_SLICE_MS)))
        except errors.RetriableError:
            return []  # the broker is away for a moment
        except errors.KafkaError as error:
            raise ServiceError(f"Kafka does not let us read {self.name}: {error}") from error

    def progress(self, name: str) -> dict[int, int]:
        with self._connection.reaching():
            saved = group_offsets(self._admin, name)
        return {
            at.partition: offset.offset
            for at, offset in saved.items()
            if at.topic == self.name and offset.offset >= 0 and offset.metadata == self.id
        }

    def keep_progress(self, name: str, offsets: Mapping[int, int]) -> None:
        kept = {
            TopicPartition(self.name, number): OffsetAndMetadata(offset, self.id, -1)
            for number, offset in offsets.items()
        }
        with self._connection.reaching():
            for at, error in self._admin.alter_group_offsets(name, kept).items():
                if error is not errors.NoError:
                    raise error(f"group {name}, {at.topic}[{at.partition}]")

    def delete_before(self, offsets: Mapping[int, int]) -> None:
        wanted = {TopicPartition(self.name, number): offset for number, offset in offsets.items()}
        with self._connection.reaching():
            self._admin.delete_records(wanted, timeout_ms=_ANSWER_MS)

    def close(self) -> None:
        self._ending.close()


def _behind(consumer: Any, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Where the consumer is in each partition that it has not read to its end; 0 where that is being looked up."""
    positions = {at: consumer.position(at) or 0 for at in ends}
    return {at: position for at, position in positions.items() if position < ends[at]}
