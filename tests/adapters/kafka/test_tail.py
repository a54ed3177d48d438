"""A look into topics, outside any group."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from structlog.testing import capture_logs

from pipeline.adapters.kafka import KafkaConnection, Tail, tail
from pipeline.errors import ServiceError
from pipeline.wire import Event
from tests.adapters.conftest import KafkaBus
from tests.services.deadline import until
from tests.services.kafka import Record


def test_tail_follows_from_now_on(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    bus.put(b"before", partition_of=b"k")
    following = tail(bus.connection, bus.topic, from_beginning=True)
    assert next(following).value == b"before"
    bus.put(b"after", partition_of=b"k")
    assert next(following).value == b"after"
    following.close()


def test_tail_begins_at_a_time_and_goes_on(kafka: Any, new_topic: Any) -> None:
    topic = new_topic(partitions=2)
    kafka.produce(topic, b"before", partition=0)
    time.sleep(0.05)
    since = time.time()
    time.sleep(0.05)
    kafka.produce(topic, b"since", partition=0)
    with closing(Tail(KafkaConnection(kafka.bootstrap_servers), topic, since=since)) as reader:
        kafka.produce(topic, b"in a partition that had nothing", partition=1)
        assert values_within(reader, 2) == [b"in a partition that had nothing", b"since"]


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


@pytest.mark.parametrize("partitions", [1, 2, 3])
@pytest.mark.parametrize("records", [b"d", b"defgh"])
def test_a_topic_that_is_made_anew_is_read_from_its_beginning_and_said(
    kafka: Any, new_topic: Any, records: bytes, partitions: int
) -> None:
    """With more records than were read of the old one, and with fewer."""
    topic, other = new_topic(partitions=2), new_topic()
    kafka.produce_all(topic, [Record(None, b"a", partition=number % 2) for number in range(6)])
    with closing(Tail(KafkaConnection(kafka.bootstrap_servers), topic, other, from_beginning=True)) as reader:
        assert values_within(reader, 6) == [b"a"] * 6
        kafka.make_anew(topic, partitions)
        for value in records:
            kafka.produce(topic, bytes([value]), partition=0)
        wanted = sorted({bytes([value]) for value in records})
        found: set[bytes | None] = set()

        def all_of_them() -> bool:
            found.update(event.value for event in reader.read(0.2))
            return found >= set(wanted)

        with capture_logs() as logged:
            until(all_of_them, 60, lambda: f"{wanted}; there are {found}")
            until(lambda: [*reader.read(0.2)] == [], 60, "nothing more")
        assert [entry["topic"] for entry in logged if entry["event"] == "topic_made_anew"] == [topic]
        kafka.produce(topic, b"z", partition=partitions - 1)
        kafka.produce(other, b"o")
        assert values_within(reader, 2) == [b"o", b"z"]


def test_records_that_expired_before_they_were_read_are_passed_over_and_said(kafka: Any, new_topic: Any) -> None:
    topic = new_topic(partitions=1)
    for value in (b"1", b"2", b"3"):
        kafka.produce(topic, value)
    with closing(Tail(KafkaConnection(kafka.bootstrap_servers), topic, since=0.0)) as reader:
        with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
            admin.delete_records({TopicPartition(topic, 0): 2})
        with capture_logs() as logged:
            assert values_within(reader, 1) == [b"3"]
        assert [entry["event"] for entry in logged] == ["records_missed"]


@pytest.mark.parametrize("topics", [["nobody"], ["nobody", "knows"]])
def test_topics_that_are_not_there_are_named(kafka: Any, topics: Sequence[str]) -> None:
    with pytest.raises(ServiceError, match="no topic nobody"):
        Tail(KafkaConnection(kafka.bootstrap_servers), *topics)
