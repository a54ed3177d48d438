"""kafka-python's records as events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.adapters.kafka.format import Unread
from pipeline.wire import Event
from pipeline.wire.events import NO_TIMESTAMP


def event(record: Any, topic_id: str = "") -> Event:
    """One record as an event. Its timestamp is a thousandth of what the producer wrote, whatever unit that had.

    A record without a timestamp gets -0.001 s.
    """
    timestamp = NO_TIMESTAMP if record.timestamp is None else record.timestamp
    headers = record.headers
    return Event(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        headers,
        timestamp / 1000,
        topic_id,
        headers.total if isinstance(headers, Unread) else 0,
    )


def events(polled: Mapping[Any, Iterable[Any]], topic_id: Callable[[Any], str] = lambda _: "") -> Iterable[Event]:
    """What one poll brought, partition by partition, each in order; `topic_id` tells of which topic each is."""
    of = {partition: topic_id(partition) for partition in polled}
    return (event(record, of[partition]) for partition, records in polled.items() for record in records)
