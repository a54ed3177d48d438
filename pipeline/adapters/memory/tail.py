"""A look into topics of a `MemoryBroker`, outside any group: the twin of `pipeline.adapters.kafka.Tail`."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.adapters.memory.broker import MemoryBroker
from pipeline.rules.flow.assignment import Partition
from pipeline.wire import Event


class MemoryTail:
    """Reads topics from now on, and one that is made anew from its beginning. One thread uses it."""

    def __init__(self, broker: MemoryBroker, *topics: str) -> None:
        self._broker = broker
        self._ids = {topic: broker.topic_id(topic) for topic in topics}
        self._positions = {partition: broker.end(partition) for topic in topics for partition in self._of(topic)}

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

    def _of(self, topic: str) -> list[Partition]:
        return [(topic, number) for number in range(self._broker.partitions(topic))]

    def _begin_in_topics_made_anew(self) -> None:
        for topic, known in self._ids.items():
            if (now := self._broker.topic_id(topic)) != known:
                self._ids[topic] = now
                others = {at: position for at, position in self._positions.items() if at[0] != topic}
                self._positions = others | dict.fromkeys(self._of(topic), 0)

    def _has_more(self) -> bool:
        self._begin_in_topics_made_anew()
        ends = (self._broker.end(partition) > position for partition, position in self._positions.items())
        return self._broker.available and any(ends)
