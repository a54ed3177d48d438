"""What all `Records` do, twin or real: single records by where they stand, and what has gone is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaRecords, KafkaTopic, KafkaWriter
from pipeline.adapters.memory import MemoryBroker, MemoryRecords, MemoryTopic, MemoryWriter
from pipeline.errors import ServiceError
from pipeline.ports import Records, RecordWriter, Topic
from pipeline.wire import Record, SourceRef

LONG = 30.0


class Made(NamedTuple):
    records: Records
    writer: RecordWriter
    topic: Topic

    def put(self, partition: int, *values: bytes) -> None:
        self.writer.write([Record(self.topic.name, b"k", value, [("h", b"\xff")], partition) for value in values])

    def at(self, *places: tuple[int, int]) -> list[bytes | None]:
        """The values that stand there, asked for together."""
        of = [SourceRef(self.topic.name, *each) for each in places]
        found = self.records.at(of, LONG)
        return [None if (event := found[each]) is None else event.value for each in of]


@pytest.fixture(params=["memory", "kafka"])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """A topic of two partitions."""
    if request.param == "memory":
        broker = MemoryBroker(partitions=2)
        yield Made(MemoryRecords(broker), MemoryWriter(broker), MemoryTopic(broker, "images"))
        return
    name = request.getfixturevalue("new_topic")(partitions=2)
    connection = KafkaConnection(request.getfixturevalue("kafka").bootstrap_servers)
    topic, writer = KafkaTopic(connection, name), KafkaWriter(connection, delivery_timeout=20)
    with closing(topic), closing(writer), closing(KafkaRecords(connection)) as records:
        yield Made(records, writer, topic)


def test_records_are_had_in_any_order_as_they_are(made: Made) -> None:
    made.put(0, *(b"%d" % number for number in range(20)))
    made.put(1, b"large" * 100_000, b"x")
    assert made.at((1, 1), (0, 17), (0, 3), (1, 0), (0, 4)) == [b"x", b"17", b"3", b"large" * 100_000, b"4"]
    made.put(0, b"late")
    assert made.at((0, 20), (0, 0)) == [b"late", b"0"]
    [event] = made.records.at([SourceRef(made.topic.name, 0, 5)], LONG).values()
    assert event is not None
    assert (event.offset, event.key, list(event.headers)) == (5, b"k", [("h", b"\xff")])


def test_what_has_expired_or_never_was_is_none_and_delays_nothing_beside_it(made: Made) -> None:
    made.put(0, b"a", b"b", b"c")
    made.topic.delete_before({0: 2})
    assert made.at((0, 0), (0, 2), (0, 3), (7, 0), (1, 0), (1, 10**18)) == [None, b"c", None, None, None, None]
    assert made.at((0, 1)) == [None]
    made.put(1, b"y")
    assert made.at((1, 0)) == [b"y"], "it is there now"


def test_no_answer_is_an_error_and_the_next_call_asks_again() -> None:
    with closing(KafkaRecords(KafkaConnection("127.0.0.1:1", patience=0.2))) as records:
        for _ in range(2):
            with pytest.raises(ServiceError, match="no Kafka broker answers"):
                records.at([SourceRef("images", 0, 0)], 1.0)
    broker = MemoryBroker()
    broker.available = False
    with pytest.raises(ServiceError):
        MemoryRecords(broker).at([SourceRef("images", 0, 0)], 1.0)
