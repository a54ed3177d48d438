"""Single records of Kafka's topics, by where they stand: one consumer goes from one to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from kafka import KafkaConsumer, TopicPartition, errors

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.records import events
from pipeline.errors import ServiceError
from pipeline.wire import Event, SourceRef

FETCH_BYTES = 64 * 1024
"""Bytes of one fetch. A batch that is larger comes whole and alone, and little comes that nobody asked for."""
_WAIT_MS = 100


class KafkaRecords:
    """`Records` on Kafka. Opening another consumer for each takes a hundred times as long as asking this one."""

    def __init__(self, connection: KafkaConnection, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Connects when it is first asked."""
        self._connection = connection
        self._clock = clock
        self._consumer: Any = None

    def at(self, places: Collection[SourceRef], seconds: float) -> dict[SourceRef, Event | None]:
        ends, found = self._clock() + seconds, dict[SourceRef, Event | None]()
        try:
            with self._connection.reaching():
                for partition, offsets in _by_partition(places):
                    if self._clock() < ends:
                        came = self._of(self._connected(), partition, offsets, ends)
                        found |= {SourceRef(*partition, offset): event for offset, event in came}
        except ServiceError:
            self.close()
            raise
        return found

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _connected(self) -> Any:
        if self._consumer is None:
            self._consumer = self._connection.client(
                KafkaConsumer,
                enable_auto_commit=False,
                auto_offset_reset="none",
                allow_auto_create_topics=False,
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=_WAIT_MS,
            )
        return self._consumer

    def _of(
        self, consumer: Any, partition: TopicPartition, offsets: Sequence[int], ends: float
    ) -> Iterator[tuple[int, Event | None]]:
        """Those of one partition, in their order, and None where there is none."""
        if partition.partition not in (consumer.partitions_for_topic(partition.topic) or ()):
            yield from ((offset, None) for offset in offsets)
            return
        left = max(1, round((ends - self._clock()) * 1000))
        end = consumer.end_offsets([partition], timeout_ms=left)[partition]
        consumer.assign([partition])
        came: Mapping[int, Event] = {}
        for offset in offsets:
            if offset not in came and offset < end:
                came = self._from(consumer, partition, offset, ends)
            if offset not in came and self._clock() > ends:
                return
            yield offset, came.get(offset)

    def _from(self, consumer: Any, partition: TopicPartition, offset: int, ends: float) -> Mapping[int, Event]:
        """What one fetch brings from that offset on; nothing where time is up or the offset has expired."""
        consumer.seek(partition, offset)
        while consumer.position(partition) == offset and self._clock() < ends:
            try:
                came = {each.offset: each for each in events(consumer.poll(timeout_ms=_WAIT_MS))}
            except errors.OffsetOutOfRangeError:
                break
            if came:
                return came
        return {}


def _by_partition(places: Collection[SourceRef]) -> Iterator[tuple[TopicPartition, list[int]]]:
    """Each partition with the offsets that are wanted of it, in their order."""
    ordered = sorted(places, key=lambda each: (each.topic, each.partition, each.offset))
    for at, some in groupby(ordered, lambda each: TopicPartition(each.topic, each.partition)):
        yield at, [each.offset for each in some]
