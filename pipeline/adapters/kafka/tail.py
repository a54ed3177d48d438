"""A look into topics, outside any group: it commits nothing and takes nothing from anybody."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import structlog
from kafka import KafkaConsumer, TopicPartition, errors

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.fetcher import FETCH_BYTES, PARTITION_FETCH_BYTES
from pipeline.adapters.kafka.records import events
from pipeline.errors import ServiceError
from pipeline.wire import Event

_log = structlog.get_logger(__name__)
_SLICE = 0.5
_LOOK_MS = 10_000
"""Milliseconds between two looks for partitions that were added, and for topics that were made anew."""


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
    later is read from its beginning. So is a topic that was made anew, which is logged: what came of it before that
    is seen, within seconds, comes twice. What expired or was cut off before it was read is passed over, and logged.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *topics: str,
        from_beginning: bool = False,
        since: float | None = None,
    ) -> None:
        self._topics = topics
        self._ids: dict[str, Any] = {}
        with connection.reaching():
            self._consumer: Any = connection.client(
                KafkaConsumer,
                enable_auto_commit=False,
                auto_offset_reset="none",
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
            return self._read(seconds)
        except errors.RetriableError:
            return []  # the broker is away for a moment
        except errors.KafkaError as error:
            raise ServiceError(f"Kafka does not let us read {', '.join(self._topics)}: {error}") from error

    def _read(self, seconds: float) -> Sequence[Event]:
        self._take_new_partitions()
        try:
            return list(events(self._consumer.poll(timeout_ms=round(seconds * 1000))))
        except errors.OffsetOutOfRangeError as error:
            gone = dict.fromkeys(error.args[0])
        except errors.LogTruncationError as error:
            gone = {at: end for at, end in error.divergent_offsets.items() if self._is_behind(at, end)}
        self._consumer.topics()  # asks: whether the log is that of another topic is told by what comes from now on
        anew = self._take_new_partitions()
        self._pass_over({at: end for at, end in gone.items() if at.topic not in anew})
        return []

    def _is_behind(self, partition: TopicPartition, end: Any) -> bool:
        """Whether a log that ends there ends before our place in it: it may be told of a place that we have left."""
        position = self._consumer._subscription.position(partition)  # noqa: SLF001 - `position` waits for one
        return position is not None and (end is None or end.offset < position.offset)

    def _pass_over(self, gone: Mapping[TopicPartition, Any]) -> None:
        """Go on where the log ends that we have read, or at the oldest record where that is not known."""
        for partition, end in gone.items():
            known = {"topic": partition.topic, "partition": partition.partition}
            _log.warning("records_missed", why="they expired or were cut off before they were read", **known)
            if end is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, end.offset)

    def close(self) -> None:
        self._consumer.close()

    def _open(self, *, from_beginning: bool, since: float | None) -> None:
        """Take every partition and go to where it is read from."""
        partitions = self._partitions()
        for topic in self._topics:
            if topic not in {partition.topic for partition in partitions}:
                raise ServiceError(f"Kafka has no topic {topic}")
        self._made_anew()
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

    def _take_new_partitions(self) -> set[str]:
        """Begin in partitions that were added and in topics that were made anew; returns the latter."""
        anew, there, known = self._made_anew(), set(self._partitions()), self._consumer.assignment()
        kept = {partition for partition in known if partition.topic not in anew}
        if new := there - kept:
            self._consumer.assign([*kept, *new])
            self._consumer.seek_to_beginning(*new)
        return anew

    def _made_anew(self) -> set[str]:
        """The topics that have another id than before, by the last metadata; a broker before 2.8 tells none."""
        cluster, anew = self._consumer._cluster, set()  # noqa: SLF001 - there is no other way to an id
        for topic in self._topics:
            known, now = self._ids.get(topic), cluster.topic_id(topic)
            if now is None or now == known or not cluster.partitions_for_topic(topic):
                continue  # as it was, or deleted, or not made to its end
            self._ids[topic] = now
            if known is not None:
                _log.warning("topic_made_anew", topic=topic, goes_on="at its oldest records")
                anew.add(topic)
        return anew
