"""A look into topics of a `MemoryBroker`, outside any group: the twin of `pipeline.adapters.kafka.Tail`."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.rules.flow.assignment import Partition
from pipeline.wire import Event


class MemoryTail:
    """Reads topics from now on. One thread uses it."""

    def __init__(self, broker: MemoryBroker, *topics: str) -> None:
        self._broker = broker
        ours = [(topic, number) for topic in topics for number in range(broker.partitions(topic))]
        self._positions: dict[Partition, int] = {partition: broker.end(partition) for partition in ours}

    def read(self, seconds: float) -> Sequence[Event]:
        """What has come by then, after at most `seconds`; none while the broker is away."""
        with self._broker.changed:
            self._broker.changed.wait_for(self._has_more, seconds)
            if not self._broker.available:
                return []
            found: list[Event] = []
            for partition, position in self._positions.items():
                events = self._broker.read(partition, position, self._broker.end(partition) - position)
                self._positions[partition] += len(events)
                found += events
            return found

    def close(self) -> None:
        """Nothing to free."""

    def _has_more(self) -> bool:
        ends = (self._broker.end(partition) > position for partition, position in self._positions.items())
        return self._broker.available and any(ends)
