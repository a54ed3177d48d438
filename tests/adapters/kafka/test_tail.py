"""A look into topics, outside any group."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient

from pipeline.adapters.kafka import KafkaConnection, Tail, tail
from pipeline.errors import ServiceError
from pipeline.wire import Event
from tests.adapters.conftest import KafkaBus
from tests.services.deadline import until


def test_tail_from_the_beginning_ends_where_the_topic_ends(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    assert list(tail(bus.connection, bus.topic, from_beginning=True, follow=False)) == []
    bus.put(b"a", b"b", b"c")
    seen = tail(bus.connection, bus.topic, from_beginning=True, follow=False)
    assert sorted(event.value or b"" for event in seen) == [b"a", b"b", b"c"]
    assert list(tail(bus.connection, bus.topic, follow=False)) == []


def test_tail_follows_from_now_on(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    bus.put(b"before", partition_of=b"k")
    following = tail(bus.connection, bus.topic, from_beginning=True)
    assert next(following).value == b"before"
    bus.put(b"after", partition_of=b"k")
    assert next(following).value == b"after"
    following.close()


def values_within(reader: Tail, count: int) -> list[bytes | None]:
    found: list[Event] = []

    def enough() -> bool:
        found.extend(reader.read(0.2))
        return len(found) >= count

    until(enough, 60, lambda: f"{count} records; there are {found}")
    return sorted(event.value or b"" for event in found)


def test_several_topics_are_read_by_one_reader_which_waits_no_longer_than_it_is_told(
    kafka: Any, new_topic: Any
) -> None:
    one, other = new_topic(partitions=2), new_topic()
    kafka.produce(one, b"before")
    with closing(Tail(KafkaConnection(kafka.bootstrap_servers), one, other)) as reader:
        assert list(reader.read(0.2)) == []
        kafka.produce(one, b"1")
        kafka.produce(other, b"2")
        assert values_within(reader, 2) == [b"1", b"2"]


def test_a_partition_that_is_added_is_read_from_its_beginning_and_no_other_again(kafka: Any, new_topic: Any) -> None:
    topic = new_topic(partitions=1)
    with closing(Tail(KafkaConnection(kafka.bootstrap_servers), topic)) as reader:
        kafka.produce(topic, b"old", partition=0)
        assert values_within(reader, 1) == [b"old"]
        with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
            admin.create_partitions({topic: 2})
        until(lambda: len(kafka.end_offsets(topic)) == 2, 30, "the new partition")
        kafka.produce(topic, b"new", partition=1)
        kafka.produce(topic, b"old again", partition=0)
        assert values_within(reader, 2) == [b"new", b"old again"]
        assert list(reader.read(0.5)) == []


@pytest.mark.parametrize("topics", [["nobody"], ["nobody", "knows"]])
def test_topics_that_are_not_there_are_named(kafka: Any, topics: Sequence[str]) -> None:
    with pytest.raises(ServiceError, match="no topic nobody"):
        Tail(KafkaConnection(kafka.bootstrap_servers), *topics)
