"""What every `Topic` does, twin or real: it reads what was there, keeps progress, and deletes whole beginnings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaTopic, KafkaWriter
from pipeline.adapters.memory import MemoryBroker, MemoryTopic, MemoryWriter
from pipeline.errors import ServiceError
from pipeline.ports import RecordWriter, Span, Topic
from pipeline.wire import Record

Made = tuple[Topic, RecordWriter, Callable[[], Topic]]


@pytest.fixture(params=["memory", "kafka"])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """A topic of two partitions, a writer to it, and a way to open it once more."""
    if request.param == "memory":
        broker = MemoryBroker(partitions=2)
        yield MemoryTopic(broker, "letters"), MemoryWriter(broker), lambda: MemoryTopic(broker, "letters")
        return
    name = request.getfixturevalue("new_topic")(partitions=2)
    connection = KafkaConnection(request.getfixturevalue("kafka").bootstrap_servers)
    topic, writer = KafkaTopic(connection, name), KafkaWriter(connection, delivery_timeout=20)
    with closing(topic), closing(writer):
        yield topic, writer, lambda: KafkaTopic(connection, name)


def put(made: Made, partition: int, *values: bytes) -> None:
    topic, writer, _ = made
    writer.write([Record(topic.name, b"k", value, [("h", b"\xff")], partition) for value in values])


def values(topic: Topic, spans: Any = None) -> list[bytes | None]:
    return [event.value for event in topic.read(topic.spans() if spans is None else spans)]


def test_a_record_goes_to_the_partition_that_it_names_and_is_read_back_as_it_is(made: Made) -> None:
    put(made, 1, b"a")
    [event] = made[0].read(made[0].spans())
    assert (event.topic, event.partition, event.offset) == (made[0].name, 1, 0)
    assert (event.key, event.value, list(event.headers)) == (b"k", b"a", [("h", b"\xff")])


def test_a_topic_that_is_opened_once_more_is_the_same_by_its_id(made: Made) -> None:
    again = made[2]()
    with closing(again):
        assert again.id == made[0].id != ""


def test_an_empty_topic_is_read_at_once(made: Made) -> None:
    assert values(made[0]) == []
    assert made[0].spans() == {0: Span(0, 0), 1: Span(0, 0)}


def test_what_comes_while_it_is_read_is_not_waited_for_and_not_read(made: Made) -> None:
    put(made, 0, b"a", b"b")
    spans = made[0].spans()
    reading = made[0].read(spans)
    first = next(reading).value
    put(made, 0, b"late")
    assert [first, *(event.value for event in reading)] == [b"a", b"b"]
    assert values(made[0], spans) == [b"a", b"b"]


def test_a_span_is_read_and_nothing_around_it(made: Made) -> None:
    put(made, 0, b"a", b"b", b"c")
    put(made, 1, b"x")
    assert values(made[0], {0: Span(1, 2)}) == [b"b"]


def test_the_offset_at_a_time_is_of_the_first_record_that_is_no_older(made: Made) -> None:
    put(made, 0, b"a")
    time.sleep(0.05)
    between = time.time()
    time.sleep(0.05)
    put(made, 0, b"b")
    assert made[0].offsets_at(between) == {0: 1, 1: 0}
    assert made[0].offsets_at(time.time() + 60) == {0: 2, 1: 0}
    assert made[0].offsets_at(-5.0) == {0: 0, 1: 0}


def test_progress_is_kept_by_name_for_whoever_asks_next(made: Made) -> None:
    put(made, 0, b"a", b"b")
    assert made[0].progress("one") == {}
    made[0].keep_progress("one", {0: 2})
    again = made[2]()
    with closing(again):
        assert again.progress("one") == {0: 2}
        assert again.progress("another") == {}


def test_whole_beginnings_are_deleted_and_nothing_else(made: Made) -> None:
    put(made, 0, b"a", b"b", b"c")
    put(made, 1, b"x")
    spans = made[0].spans()
    made[0].delete_before({0: 2})
    assert made[0].spans() == {0: Span(2, 3), 1: Span(0, 1)}
    assert sorted(values(made[0], spans), key=str) == [b"c", b"x"]


def test_a_topic_that_is_not_there_is_said(kafka: Any) -> None:
    with pytest.raises(ServiceError, match="has no topic absent"):
        KafkaTopic(KafkaConnection(kafka.bootstrap_servers), "absent")


def test_progress_of_a_topic_does_not_hold_for_one_made_anew(
    kafka: Any, unique: Callable[[str], str], group_id: str
) -> None:
    name = kafka.create_topic(unique("letters"), 1)
    connection = KafkaConnection(kafka.bootstrap_servers)
    with closing(KafkaTopic(connection, name)) as topic:
        topic.keep_progress(group_id, {0: 0})
        assert topic.progress(group_id) == {0: 0}
    kafka.delete_topic(name)
    kafka.create_topic(name, 1)
    with closing(KafkaTopic(connection, name)) as topic:
        assert topic.progress(group_id) == {}


def test_reading_is_given_up_when_the_broker_says_nothing_more(kafka_of_own: Any) -> None:
    """The clock jumps, so that the test need not wait; the broker is stopped for real."""
    kafka_of_own.create_topic("letters")
    kafka_of_own.produce("letters", b"a")
    jumps = count(0, 20)
    with closing(
        KafkaTopic(KafkaConnection(kafka_of_own.bootstrap_servers), "letters", clock=lambda: float(next(jumps)))
    ) as topic:
        spans = topic.spans()
        kafka_of_own.stop()
        with pytest.raises(ServiceError, match=r"no Kafka broker|has not answered"):
            list(topic.read({0: Span(0, spans[0].end + 5)}))


def test_where_a_key_leads_is_known_without_reading(made: Made) -> None:
    topic, writer, _ = made
    keys = [f"image {number}".encode() for number in range(12)] + [b"", b"\xff"]
    writer.write([Record(topic.name, key, b"x") for key in keys])
    found = {event.key: event.partition for event in topic.read(topic.spans())}
    assert {key: topic.partition_of(key) for key in keys} == found
    assert set(found.values()) == {0, 1}
