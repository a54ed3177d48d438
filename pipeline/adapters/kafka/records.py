"""kafka-python's records as events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.wire import Event
from pipeline.wire.events import NO_TIMESTAMP


def event(record: Any) -> Event:
    """One record as an event. Its timestamp is a thousandth of what the producer wrote, whatever unit that had.

    A record without a timestamp gets -0.001 s.
    """
    timestamp = NO_TIMESTAMP if record.timestamp is None else record.timestamp
    return Event(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        record.headers,
        timestamp / 1000,
    )


def events(polled: Mapping[Any, Iterable[Any]]) -> Iterable[Event]:
    """What one poll brought, partition by partition, each in order."""
    return (event(record) for records in polled.values() for record in records)
