"""How a topic is read: transactions, new partitions, whose turn it is, and what is finished before it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from pipeline.errors import StopError
from pipeline.items import Batch
from pipeline.ports import Source
from tests.adapters.conftest import MOST, Heard, KafkaBus, Polling, collect, poll_until, values
from tests.services.deadline import until
from tests.services.kafka import Record

PICTURES = [b"picture %d" % number for number in range(20)]


@contextmanager
def transaction(bus: KafkaBus, name: str, pictures: list[bytes]) -> Iterator[Any]:
    """Pictures written in a transaction that is still open within."""
    producer = KafkaProducer(bootstrap_servers=bus.broker.bootstrap_servers, transactional_id=f"{bus.topic}-{name}")
    producer.init_transactions()
    producer.begin_transaction()
    for picture in pictures:
        producer.send(bus.topic, picture, key=b"one key")
    producer.flush(20)
    yield producer
    producer.close()


def committed(bus: KafkaBus, name: str, pictures: list[bytes]) -> None:
    with transaction(bus, name, pictures) as producer:
        producer.commit_transaction()


def aborted(bus: KafkaBus, name: str, pictures: list[bytes]) -> None:
    with transaction(bus, name, pictures) as producer:
        producer.abort_transaction()


def test_aborted_events_never_come_and_open_ones_wait(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    committed(bus, "a", PICTURES[:3])
    aborted(bus, "b", [b"never"] * 4)
    with transaction(bus, "c", PICTURES[3:5]) as open_one:
        source = bus.source()
        assert values(collect(source, 3)) == PICTURES[:3]
        assert source.poll(1.0, MOST) is None
        open_one.commit_transaction()
    assert values(collect(source, 2)) == PICTURES[3:5]


def test_who_reads_uncommitted_sees_them(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    aborted(bus, "b", PICTURES[:4])
    assert values(collect(bus.source(isolation_level="read_uncommitted"), 4)) == PICTURES[:4]


def test_a_marker_at_the_end_is_no_lag_and_is_committed(kafka_bus_of_four: KafkaBus) -> None:
    """Neither ours nor anybody's who compares the group's offset with the end."""
    bus, heard = kafka_bus_of_four, Heard()
    committed(bus, "a", PICTURES[:3])
    aborted(bus, "b", [b"never"])
    source = bus.source(hooks=heard)
    for batch in collect(source, 3):
        source.commit(batch)
    poll_until(lambda: bool(heard.lags) and bus.broker.lag(bus.group, bus.topic) == 0, source)
    assert sum(heard.lags.values()) == 0
    assert sum(bus.broker.committed(bus.group, bus.topic).values()) == 3 + 1 + 1 + 1


def test_new_partitions_are_read_within_fifteen_seconds(kafka_bus_of_four: KafkaBus) -> None:
    """By two workers, of which one alone looks for them."""
    bus = kafka_bus_of_four
    with Polling(bus.source()) as first, Polling(bus.source()) as second:
        until(lambda: len(first.places) == len(second.places) == 2, 20, "a share")
        with closing(KafkaAdminClient(bootstrap_servers=bus.broker.bootstrap_servers)) as admin:
            admin.create_partitions({bus.topic: 8})
        grown = time.monotonic()
        bus.put(*(b"%d" % number for number in range(64)))
        until(lambda: len(first.places) == len(second.places) == 4, 60, "the new partitions")
        until(lambda: len(values(first.batches + second.batches)) >= 64, 20, "every event")
    assert time.monotonic() - grown < 60  # on a loaded machine; 8 s for the metadata, 3 for a heartbeat


def test_no_partition_with_work_waits_for_another_to_end(kafka_bus_of_four: KafkaBus) -> None:
    """One partition holds a fetch of 16 MB; the others' few events come with the first batches all the same."""
    bus = kafka_bus_of_four
    bus.broker.produce_all(bus.topic, [Record(None, bytes(100_000), partition=0) for _ in range(160)])
    for number in (1, 2, 3):
        bus.broker.produce(bus.topic, b"small", partition=number)
    source = bus.source()
    first_seen: dict[int, int] = {}
    batches = 0
    deadline = time.monotonic() + 60
    while len(first_seen) < 4:
        assert time.monotonic() < deadline
        batch = source.poll(0.2, 8)
        if batch is not None:
            batches += 1
            for item in batch.items:
                first_seen.setdefault(item.event.partition, batches)
    assert max(first_seen.values()) - min(first_seen.values()) <= 3, first_seen


def test_an_event_that_comes_while_another_partition_is_read_does_not_wait_for_it(
    kafka_bus_of_four: KafkaBus,
) -> None:
    bus = kafka_bus_of_four
    bus.broker.produce_all(bus.topic, [Record(None, bytes(100_000), partition=0) for _ in range(150)])
    source = bus.source()
    collect(source, 8, most=4)
    bus.broker.produce(bus.topic, b"late", partition=1)
    waited = 0
    deadline = time.monotonic() + 60
    while True:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # a slow worker: the fetch for the others has time to be answered
        batch = source.poll(0.2, 4)
        assert batch is not None
        if b"late" in values([batch]):
            break
        waited += 1
    assert waited <= 10


def test_a_poll_has_enough_with_so_many_bytes_however_little_was_sent(kafka_bus_of_four: KafkaBus) -> None:
    """Each record is 20 KB on the wire and 20 MB here; all of them come, a few at a time."""
    bus, size = kafka_bus_of_four, 20_000_000
    with closing(
        KafkaProducer(
            bootstrap_servers=bus.broker.bootstrap_servers,
            compression_type="gzip",
            batch_size=0,
            max_request_size=2 * size,
        )
    ) as producer:
        for number in range(12):
            producer.send(bus.topic, bytes(size), partition=number % 2)
            producer.flush(60)
    source = bus.source()
    batches = list[Batch]()
    until(lambda: _polled(source, batches) == 12, 120, "every event")
    assert max(len(batch.items) for batch in batches) <= 5  # 64 MiB, and the one that is over


def _polled(source: Source, batches: list[Batch]) -> int:
    batch = source.poll(0.2, 64)
    batches += [] if batch is None else [batch]
    return sum(len(each.items) for each in batches)


@pytest.mark.parametrize("patience", [20.0, 0.001], ids=["finished", "not finished"])
def test_what_is_in_flight_is_finished_and_committed_before_its_partition_goes(
    kafka_bus_of_four: KafkaBus, patience: float
) -> None:
    """The new member repeats nothing; where there is no time for that, it repeats what was in flight."""
    bus = kafka_bus_of_four
    bus.put(*PICTURES)
    source = bus.source(commit_interval=60.0, revocation_timeout=patience)
    through = Event()  # the pipeline needs a while from the moment that the revocation begins
    first = Polling(source)
    source.finish_with(lambda: list(reversed(first.batches)) if through.wait(0.01) else [])
    with first:
        until(lambda: len(values(first.batches)) == 20, 20, "all events")
        with Polling(bus.source()) as second:
            time.sleep(2.0)
            if patience > 1:
                assert len(first.places) == 4
            through.set()
            until(lambda: len(second.places) == 2 == len(first.places), 20, "a share")
            time.sleep(1.5)
            assert (values(second.batches) == []) == (patience > 1)


def test_a_path_that_has_failed_holds_up_no_partition(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    bus.put(*PICTURES)
    source = bus.source(revocation_timeout=60.0)
    first = Polling(source)

    def failed() -> list[Batch]:
        raise StopError("not acknowledged")

    source.finish_with(failed)
    with first:
        until(lambda: len(values(first.batches)) == 20, 20, "all events")
        with Polling(bus.source()) as second:
            until(lambda: len(second.places) == 2 == len(first.places), 20, "a share")


def test_a_source_that_closes_waits_for_nothing(kafka_bus_of_four: KafkaBus) -> None:
    bus = kafka_bus_of_four
    bus.put(*PICTURES)
    source = bus.source(revocation_timeout=60.0)
    collect(source, 20)
    started = time.monotonic()
    source.close()
    assert time.monotonic() - started < 20
