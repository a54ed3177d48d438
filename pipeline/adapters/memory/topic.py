"""A topic of a `MemoryBroker`, as it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.errors import ServiceError
from pipeline.ports import Span, Spans
from pipeline.wire import Event


class MemoryTopic:
    """A `Topic` on a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker, name: str) -> None:
        self.name = name
        self.id = broker.topic_id(name)
        self._broker = broker

    def spans(self) -> dict[int, Span]:
        self._check()
        ours = [(self.name, number) for number in range(self._broker.partitions(self.name))]
        return {at[1]: Span(self._broker.first(at), self._broker.end(at)) for at in ours}

    def offsets_at(self, time: float) -> dict[int, int]:
        return {
            number: next((event.offset for event in self._within(number, span) if event.timestamp >= time), span.end)
            for number, span in self.spans().items()
        }

    def partition_of(self, key: bytes) -> int:
        return self._broker.partition_of(self.name, key)

    def read(self, spans: Spans) -> Iterator[Event]:
        self._check()
        held = self.spans()
        for number, span in spans.items():
            yield from self._within(number, Span(max(span.first, held[number].first), span.end))

    def progress(self, name: str) -> dict[int, int]:
        self._check()
        kept = {number: self._broker.committed(name, (self.name, number)) for number in self.spans()}
        return {number: offset for number, offset in kept.items() if offset}

    def keep_progress(self, name: str, offsets: Mapping[int, int]) -> None:
        self._check()
        self._broker.commit(name, {(self.name, number): offset for number, offset in offsets.items()})

    def delete_before(self, offsets: Mapping[int, int]) -> None:
        self._check()
        for number, offset in offsets.items():
            self._broker.delete_before((self.name, number), offset)

    def close(self) -> None:
        """Nothing to free."""

    def _within(self, number: int, span: Span) -> list[Event]:
        return self._broker.read((self.name, number), span.first, max(0, span.end - span.first))

    def _check(self) -> None:
        if not self._broker.available:
            raise ServiceError("no broker answers: it is down")
