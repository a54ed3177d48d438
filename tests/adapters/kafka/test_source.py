"""What only a real group can show: restarts, lost partitions, held-back commits, a topic that goes away."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaSource, KafkaWriter
from pipeline.adapters.kafka import source as source_module
from pipeline.errors import ServiceError
from pipeline.wire import Record
from tests.adapters.conftest import MOST, Heard, KafkaBus, Polling, collect, poll_until, values
from tests.services.deadline import until

PICTURES = [f"picture {number}".encode() for number in range(20)]


def test_a_broker_that_restarts_is_waited_for(kafka_of_own: Any) -> None:
    """Stopped under a polling source and started again: no exception, nothing lost, commits go on."""
    kafka_of_own.create_topic("images", 2)
    connection = KafkaConnection(kafka_of_own.bootstrap_servers)
    heard = Heard()
    source = KafkaSource(connection, ["images"], "group", hooks=heard, commit_interval=0.0)
    put(connection, PICTURES[:10])
    with Polling(source) as polling:
        until(lambda: len(values(polling.batches)) == 10, 20, "the first half")
        kafka_of_own.stop()
        polling.order(lambda: source.commit(polling.batches[0]))  # cannot arrive now, must not raise
        time.sleep(2)
        kafka_of_own.start()
        put(connection, PICTURES[10:])
        until(lambda: set(values(polling.batches)) == set(PICTURES), 90, "the second half")
        for batch in list(polling.batches):
            polling.order(lambda batch=batch: source.commit(batch))
        until(lambda: sum(kafka_of_own.committed("group", "images").values()) == 20, 60, "the commits")


def put(connection: KafkaConnection, pictures: list[bytes]) -> None:
    writer = KafkaWriter(connection, delivery_timeout=30)
    writer.write([Record("images", None, picture) for picture in pictures])
    writer.close()


def test_a_source_without_a_broker_is_refused_soon() -> None:
    with pytest.raises(ServiceError, match="no Kafka broker answers"):
        KafkaSource(KafkaConnection("127.0.0.1:9", patience=1.0), ["images"], "group")


def test_a_topic_that_does_not_exist_is_refused_by_name(kafka: Any, group_id: str) -> None:
    with pytest.raises(ServiceError, match="no topic nobody-made-this; make it with: sluice topics create"):
        KafkaSource(KafkaConnection(kafka.bootstrap_servers), "nobody-made-this", group_id)


@pytest.mark.parametrize("timeout", [0.0, 0.003, 0.03, 0.3])
@pytest.mark.parametrize("knowing", [True, False])
def test_joining_ends_however_long_the_polls_are(
    kafka_bus_of_four: KafkaBus, monkeypatch: pytest.MonkeyPatch, timeout: float, knowing: bool
) -> None:
    """An answer of the group that arrives between two polls must not be the last that is heard of it.

    Without knowing the topic beforehand the member joins twice, as it does when a topic grows; left to itself, the
    library loses the second answer about one time in three.
    """
    if not knowing:
        monkeypatch.setattr(source_module, "_know", lambda *_: None)
    bus = kafka_bus_of_four
    bus.put(b"picture")
    for _ in range(4):
        source = bus.source()
        deadline = time.monotonic() + 20
        while source.poll(timeout, MOST) is None:
            assert time.monotonic() < deadline
        source.close()


def test_a_rebalance_during_a_pause_takes_no_longer_than_joining(
    kafka_bus_of_four: KafkaBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under backpressure: who goes on waiting, once joined, for records that paused partitions do not give, starves.

    The patience for joining is far beyond the test's, so that only the group's answer can end the poll.
    """
    monkeypatch.setattr(source_module, "JOIN_SECONDS", 120.0)
    bus = kafka_bus_of_four
    bus.put(*PICTURES)
    full = bus.source()
    collect(full, 1, most=5)
    full.pause()
    started = time.monotonic()
    with Polling(bus.source()):
        poll_until(lambda: len(full._ours.partitions) == 2, full)
        assert full.poll(0.0, MOST) is None
    assert time.monotonic() - started < 60
    full.close()


def test_close_without_a_broker_takes_a_bounded_time(kafka_of_own: Any) -> None:
    kafka_of_own.create_topic("images", 1)
    connection = KafkaConnection(kafka_of_own.bootstrap_servers)
    put(connection, PICTURES)
    source = KafkaSource(connection, ["images"], "group", commit_interval=60.0)
    for batch in collect(source, 20):
        source.commit(batch)
    kafka_of_own.kill()
    started = time.monotonic()
    source.close()
    assert time.monotonic() - started < 12


def test_commits_are_held_back_for_the_interval_and_sent_at_close(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    heard = Heard()
    bus.put(*PICTURES)
    source = bus.source(commit_interval=60.0, hooks=heard)
    for batch in collect(source, 20):
        source.commit(batch)
    assert source.poll(0.2, MOST) is None
    assert (heard.done, bus.broker.committed(bus.group, bus.topic)) == (0, {})
    source.close()
    assert (heard.done, sum(bus.broker.committed(bus.group, bus.topic).values())) == (20, 20)


def test_commits_that_were_held_back_are_sent_at_a_revocation(kafka_bus_of_four: KafkaBus) -> None:
    """The partitions that go to the new member are committed before they go, so it repeats nothing."""
    bus = kafka_bus_of_four
    heard = Heard()
    bus.put(*PICTURES)
    with Polling(bus.source(commit_interval=60.0, hooks=heard)) as first:
        until(lambda: len(values(first.batches)) == 20, 20, "all events")
        for batch in list(first.batches):
            first.order(lambda batch=batch: first.source.commit(batch))
        with Polling(bus.source()) as second:
            until(lambda: len(second.places) == 2, 20, "a share")
            written = {item.event.partition for batch in first.batches for item in batch.items}
            committed = bus.broker.committed(bus.group, bus.topic)
            assert {number for _, number in second.places} & written == set(committed)
            time.sleep(1)
            assert second.batches == []
    assert heard.done == 20


def test_a_member_that_was_put_out_commits_nothing_and_joins_again(kafka_bus_of_four: KafkaBus) -> None:
    """It was silent for too long and another has gone ahead: its late commit must not turn the group back."""
    bus = kafka_bus_of_four
    bus.put(*PICTURES)
    heard = Heard()
    slow = bus.source(hooks=heard, session_timeout=1.5, max_poll_interval=1.5)
    held = collect(slow, 1, most=5)
    with Polling(bus.source()) as other:
        until(lambda: len(values(other.batches)) == 20, 20, "the takeover")
        for batch in list(other.batches):
            other.order(lambda batch=batch: other.source.commit(batch))
        until(lambda: sum(bus.broker.committed(bus.group, bus.topic).values()) == 20, 20, "the other's commits")
        for batch in held:
            slow.commit(batch)
        again = poll_until(lambda: len(slow._ours.partitions) == 2, slow)
        for batch in held:
            slow.commit(batch)
        assert again == []
    slow.close()
    assert sum(bus.broker.committed(bus.group, bus.topic).values()) == 20
    assert heard.done == 0


def test_lag_is_what_is_still_to_be_polled_and_ends_with_the_assignment(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    heard = Heard()
    bus.put(*PICTURES, partition_of=b"one key")
    source = bus.source(hooks=heard)
    collect(source, 5, most=5)
    source.pause()
    poll_until(lambda: bool(heard.lags), source)
    assert [events for events in heard.lags.values() if events] == [15]
    source.close()
    assert set(heard.lags.values()) == {0}


def test_events_that_retention_took_are_passed_over(kafka_bus_of_four: KafkaBus) -> None:
    """A position that no longer exists goes on at the oldest event that does."""
    bus = kafka_bus_of_four
    from kafka import KafkaAdminClient, TopicPartition

    bus.put(*PICTURES[:10], partition_of=b"one key")
    source = bus.source()
    batches = collect(source, 10)
    number = batches[0].items[0].event.partition
    source.commit(batches[0])
    source.close()
    bus.put(*PICTURES[10:], partition_of=b"one key")
    admin = KafkaAdminClient(bootstrap_servers=bus.broker.bootstrap_servers)
    admin.delete_records({TopicPartition(bus.topic, number): 15})
    admin.close()
    assert values(collect(bus.source(), 5)) == PICTURES[15:]
