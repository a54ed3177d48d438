"""A look into topics, outside any group: it commits nothing and takes nothing from anybody."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
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
    connection: KafkaConnection, topic: str, *, from_beginning: bool = False, since: float | None = None
) -> Generator[Event]:
    """The topic's records, partition by partition in order, as of `Tail`; it waits for more, for ever.

    The caller closes it (or is interrupted). Raises `ServiceError` when there is no broker or no such topic.
    """
    with closing(Tail(connection, topic, from_beginning=from_beginning, since=since)) as reader:
        while True:
            yield from reader.read(_SLICE)


class Tail:
    """Reads topics from now on, from their beginning, or from what was written at a time (in seconds) on.

    One thread uses it. Raises `ServiceError` when there is no broker or no such topic. A partition that is added
    later is read from its beginning.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *topics: str,
        from_beginning: bool = False,
        since: float | None = None,
    ) -> None:
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
                self._open(from_beginning=from_beginning, since=since)
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

    def close(self) -> None:
        self._consumer.close()

    def _open(self, *, from_beginning: bool, since: float | None) -> None:
        """Take every partition and go to where it is read from."""
        partitions = self._partitions()
        for topic in self._topics:
            if topic not in {partition.topic for partition in partitions}:
                raise ServiceError(f"Kafka has no topic {topic}")
        self._consumer.assign(partitions)
        if from_beginning:
            self._consumer.seek_to_beginning(*partitions)
            return
        # Not seek_to_end: that is looked up at the first poll, and skips what arrives until then.
        starts: Mapping[TopicPartition, int] = self._consumer.end_offsets(partitions)
        if since is not None:
            starts = {**starts, **self._first_of(partitions, since)}
        for partition, start in starts.items():
            self._consumer.seek(partition, start)

    def _first_of(self, partitions: Sequence[TopicPartition], since: float) -> dict[TopicPartition, int]:
        """The first offset of that time or later, in the partitions that have any."""
        found = self._consumer.offsets_for_times(dict.fromkeys(partitions, max(0, int(since * 1000))))
        return {partition: at.offset for partition, at in found.items() if at is not None and at.offset >= 0}

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
