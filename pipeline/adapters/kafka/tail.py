"""A look into topics, outside any group: it commits nothing and takes nothing from anybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition, errors

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.fetcher import FETCH_BYTES, PARTITION_FETCH_BYTES
from pipeline.adapters.kafka.records import events
from pipeline.errors import ServiceError
from pipeline.wire import Event

_SLICE = 0.5
_LOOK_MS = 10_000
"""Milliseconds between two looks for partitions that were added."""


def tail(
    connection: KafkaConnection, topic: str, *, from_beginning: bool = False, follow: bool = True
) -> Iterator[Event]:
    """The topic's records, partition by partition in order; from now on, or from its beginning.

    With `follow` it waits for more, for ever: the caller closes the iterator (or is interrupted). Without, it ends
    where the topic ended at the first `next`. Raises `ServiceError` when there is no broker or no such topic.
    """
    with closing(Tail(connection, topic, from_beginning=from_beginning)) as reader:
        while follow or not reader.is_through():
            yield from reader.read(_SLICE)


class Tail:
    """Reads topics from now on, or from their beginning. One thread uses it.

    Raises `ServiceError` when there is no broker or no such topic. A partition that is added later is read from its
    beginning.
    """

    def __init__(self, connection: KafkaConnection, *topics: str, from_beginning: bool = False) -> None:
        self._topics = topics
        with connection.reaching():
            self._consumer: Any = connection.client(
                KafkaConsumer,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                metadata_max_age_ms=_LOOK_MS,
                fetch_max_bytes=FETCH_BYTES,
                max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            )
        try:
            with connection.reaching():
                self._ends = self._open(from_beginning=from_beginning)
        except BaseException:
            self.close()
            raise

    def read(self, seconds: float) -> Sequence[Event]:
        """What comes within `seconds`, at once when something does; none while the broker is away.

        Raises `ServiceError` when it does not let us read.
        """
        try:
            self._take_new_partitions()
            return list(events(self._consumer.poll(timeout_ms=round(seconds * 1000))))
        except errors.RetriableError:
            return []  # the broker is away for a moment
        except errors.KafkaError as error:
            raise ServiceError(f"Kafka does not let us read {', '.join(self._topics)}: {error}") from error

    def is_through(self) -> bool:
        """Whether everything was read that was there in the beginning."""
        return all(self._consumer.position(partition) >= end for partition, end in self._ends.items())

    def close(self) -> None:
        self._consumer.close()

    def _open(self, *, from_beginning: bool) -> dict[TopicPartition, int]:
        """Take every partition and go to the chosen end; returns where each partition ends now."""
        partitions = self._partitions()
        for topic in self._topics:
            if topic not in {partition.topic for partition in partitions}:
                raise ServiceError(f"Kafka has no topic {topic}")
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(partitions)
        self._consumer.assign(partitions)
        if from_beginning:
            self._consumer.seek_to_beginning(*partitions)
        else:
            for partition, end in ends.items():
                # Not seek_to_end: that is looked up at the first poll, and skips what arrives until then.
                self._consumer.seek(partition, end)
        return ends

    def _partitions(self) -> list[TopicPartition]:
        """Those that the last metadata knows."""
        return [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(self._consumer.partitions_for_topic(topic))
        ]

    def _take_new_partitions(self) -> None:
        known = self._consumer.assignment()
        if new := set(self._partitions()) - known:
            self._consumer.assign([*known, *new])
            self._consumer.seek_to_beginning(*new)
