"""Single records of a `MemoryBroker`, by where they stand."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.errors import ServiceError
from pipeline.wire import Event, SourceRef


class MemoryRecords:
    """`Records` of a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def at(self, places: Collection[SourceRef], seconds: float) -> dict[SourceRef, Event | None]:  # noqa: ARG002
        if not self._broker.available:
            raise ServiceError("no broker answers: it is down")
        return {each: self._of(each) for each in places}

    def close(self) -> None:
        """Nothing to free."""

    def _of(self, place: SourceRef) -> Event | None:
        if place.partition >= self._broker.partitions(place.topic):
            return None
        found = self._broker.read((place.topic, place.partition), place.offset, 1)
        return found[0] if found and found[0].offset == place.offset else None
