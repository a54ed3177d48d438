"""How far a group has come, as the broker knows it, whoever of the group is alive."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from pipeline.adapters.kafka import Group, KafkaConnection
from pipeline.errors import ServiceError
from pipeline.rules.flow.assignment import Standing
from tests.adapters.conftest import KafkaBus, collect, poll_until
from tests.services.deadline import until
from tests.services.processes import HOST, free_port


def test_lag_counts_what_is_not_committed_also_when_no_member_is_left(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    with closing(Group(bus.connection, bus.group, [bus.topic])) as group:
        bus.put(*[b"x"] * 10, partition_of=b"k")
        standings = group.standings()
        assert sorted(standings) == [(bus.topic, number) for number in range(4)]
        assert sorted(each.lag for each in standings.values()) == [0, 0, 0, 10]
        source = bus.source()
        for batch in collect(source, 10):
            source.commit(batch)
        # A commit that falls into a rebalance is put off until the next poll.
        poll_until(lambda: any(each.committed == 10 for each in group.standings().values()), source)
        source.close()
        bus.put(b"y", b"z", partition_of=b"k")
        assert max(group.standings().values(), key=lambda each: each.lag) == Standing(committed=10, lag=2)


def test_what_was_committed_for_a_topic_that_was_made_anew_counts_for_nothing(
    kafka: Any, new_topic: Any, group_id: str
) -> None:
    bus = KafkaBus(kafka, new_topic(), group_id)
    bus.put(*[b"x"] * 5)
    source = bus.source()
    for batch in collect(source, 5):
        source.commit(batch)
    poll_until(lambda: kafka.committed(group_id, bus.topic) == {0: 5}, source)
    source.close()
    kafka.delete_topic(bus.topic)
    kafka.create_topic(bus.topic)
    bus.put(b"y", b"z")
    with closing(Group(bus.connection, bus.group, [bus.topic])) as group:
        assert group.standings() == {(bus.topic, 0): Standing(committed=0, lag=2)}


def test_a_partition_that_is_added_is_seen(kafka: Any, new_topic: Any, group_id: str) -> None:
    topic = new_topic(partitions=1)
    with closing(Group(KafkaConnection(kafka.bootstrap_servers), group_id, [topic])) as group:
        assert len(group.standings()) == 1
        with kafka._admin() as admin:
            admin.create_partitions({topic: 3})
        until(lambda: len(group.standings()) == 3, 30, "three partitions")


def test_a_broker_that_is_away_is_an_error_and_asked_again(kafka: Any, new_topic: Any, group_id: str) -> None:
    away = KafkaConnection(f"{HOST}:{free_port()}", patience=0.5)
    with closing(Group(away, group_id, [new_topic()])) as group:
        for _ in range(2):
            with pytest.raises(ServiceError, match="no Kafka broker answers"):
                group.standings()
