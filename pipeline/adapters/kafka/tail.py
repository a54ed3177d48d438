"""A look into a topic, outside any group: it commits nothing and takes nothing from anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, TopicPartition, errors

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.fetcher import FETCH_BYTES, PARTITION_FETCH_BYTES
from pipeline.adapters.kafka.records import events
from pipeline.errors import ServiceError
from pipeline.wire import Event

_SLICE_MS = 500


def tail(
    connection: KafkaConnection, topic: str, *, from_beginning: bool = False, follow: bool = True
) -> Iterator[Event]:
    """The topic's records, partition by partition in order; from now on, or from its beginning.

    With `follow` it waits for more, for ever: the caller closes the iterator (or is interrupted). Without, it ends
    where the topic ended at the first `next`. Raises `ServiceError` when there is no broker or no such topic.
    """
    with connection.reaching():
        consumer = connection.client(
            KafkaConsumer,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )
    with closing(consumer):
        with connection.reaching():
            ends = _open(consumer, topic, from_beginning=from_beginning)
        while follow or any(consumer.position(partition) < end for partition, end in ends.items()):
            yield from _slice(consumer, topic)


def _open(consumer: Any, topic: str, *, from_beginning: bool) -> dict[TopicPartition, int]:
    """Take every partition and go to the chosen end; returns where each partition ends now."""
    numbers = sorted(consumer.partitions_for_topic(topic))
    if not numbers:
        raise ServiceError(f"Kafka has no topic {topic}")
    partitions = [TopicPartition(topic, number) for number in numbers]
    ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
    consumer.assign(partitions)
    if from_beginning:
        consumer.seek_to_beginning(*partitions)
    else:
        for partition, end in ends.items():
            # Not seek_to_end: that is looked up at the first poll, and skips what arrives until then.
            consumer.seek(partition, end)
    return ends


def _slice(consumer: Any, topic: str) -> Iterable[Event]:
    try:
        return list(events(consumer.poll(timeout_ms=_SLICE_MS)))
    except errors.RetriableError:
        return []  # the broker is away for a moment
    except errors.KafkaError as error:
        raise ServiceError(f"Kafka does not let us read {topic}: {error}") from error
