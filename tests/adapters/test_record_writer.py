"""What every `RecordWriter` does, twin or real, and what the real one does when the broker is in trouble."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka.errors import KafkaError, NotEnoughReplicasError
from structlog.testing import capture_logs

from pipeline.adapters.kafka import KafkaConnection, KafkaWriter, write_stream
from pipeline.adapters.kafka import writer as writer_module
from pipeline.adapters.kafka.advice import advised
from pipeline.adapters.kafka.writer import REMEMBERED
from pipeline.adapters.memory import MemoryBroker, MemoryWriter
from pipeline.errors import PublishError, RefusedError, ServiceError
from pipeline.wire import Record
from tests.adapters.conftest import Bus, MemoryBus
from tests.services.kafka import KafkaBroker

MEGABYTE = 1024 * 1024


def records(topic: str, count: int) -> list[Record]:
    return [Record(topic, b"key", f"value {number}".encode(), [("n", b"%d" % number)]) for number in range(count)]


def test_every_record_is_in_the_topic_when_write_returns(bus: Bus) -> None:
    sent = records(bus.topic, 100)
    bus.writer().write(sent)
    found = [(event.key, event.value, list(event.headers)) for event in bus.everything()]
    assert found == [(record.key, record.value, list(record.headers)) for record in sent]


def test_writing_nothing_is_fine(bus: Bus) -> None:
    bus.writer().write([])
    assert bus.everything() == []


def test_records_of_one_key_go_to_one_partition(bus: Bus) -> None:
    bus.writer().write(records(bus.topic, 20))
    assert len({event.partition for event in bus.everything()}) == 1


def test_a_record_may_have_neither_key_nor_value(bus: Bus) -> None:
    """kafka-python refuses it; a dead letter must carry it as it came."""
    bus.writer().write([Record(bus.topic, None, None, [("h", b"")]), Record(bus.topic, None, b"")])
    assert {(event.key, event.value) for event in bus.everything()} == {(None, None), (None, b"")}


def test_a_stream_is_acknowledged_record_by_record_in_order(bus: Bus) -> None:
    heard: list[Record] = []
    sent = records(bus.topic, 25)
    assert write_stream(bus.writer(), iter(sent), on_ack=heard.append, chunk_records=10) == 25
    assert heard == sent
    assert len(bus.everything()) == 25


def test_close_is_idempotent(bus: Bus) -> None:
    writer = bus.writer()
    writer.close()
    writer.close()


@pytest.fixture(params=["memory", "kafka"])
def stopped(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A writer whose broker has just gone away."""
    if request.param == "memory":
        broker = MemoryBroker()
        broker.available = False
        yield MemoryWriter(broker)
        return
    own = request.getfixturevalue("kafka_of_own")
    own.create_topic("decisions")
    writer = KafkaWriter(KafkaConnection(own.bootstrap_servers), delivery_timeout=2.0)
    writer.write([Record("decisions", b"k", b"before")])
    own.stop()
    yield writer
    writer.close()


def test_write_raises_when_the_broker_does_not_acknowledge(stopped: Any) -> None:
    started = time.monotonic()
    with pytest.raises(PublishError, match="decisions") as raised:
        stopped.write([Record("decisions", b"lost key", b"value")])
    assert raised.value.index == 0
    assert time.monotonic() - started < 10


def test_why_nothing_is_acknowledged_is_told_while_it_is_waited_for_and_in_the_end(
    kafka_of_own: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic that is gone stands for all that the library tries again: in the end it says no more than "expired"."""
    monkeypatch.setattr(writer_module, "TELL_AFTER", 1.0)
    kafka_of_own.create_topic("decisions")
    writer = KafkaWriter(KafkaConnection(kafka_of_own.bootstrap_servers), delivery_timeout=6.0)
    writer.write([Record("decisions", b"k", b"before")])
    kafka_of_own.delete_topic("decisions")
    with capture_logs() as logged, pytest.raises(PublishError, match="make it anew with sluice topics create"):
        writer.write([Record("decisions", b"k", b"after")])
    writer.close()
    told = [line for line in logged if line["event"] == "waiting_for_acknowledgements"]
    assert {line["topic"] for line in told} == {"decisions"}
    assert "make it anew" in told[-1]["why"]


def test_a_refusal_is_told_with_what_to_do() -> None:
    told = advised(NotEnoughReplicasError("2 of 3"))
    assert "2 of 3" in told
    assert "bring brokers back" in told
    assert advised(KafkaError("who knows")) == str(KafkaError("who knows"))


def test_close_gives_up_records_that_no_broker_takes(kafka_of_own: Any) -> None:
    """Its own error would hide the one for which the worker stops."""
    kafka_of_own.create_topic("decisions")
    writer = KafkaWriter(KafkaConnection(kafka_of_own.bootstrap_servers), delivery_timeout=60.0)
    writer.write([Record("decisions", b"k", b"before")])
    kafka_of_own.pause()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(writer.write, [Record("decisions", b"k", b"after")])
        time.sleep(0.5)
        writer.close()
        with pytest.raises(PublishError, match="decisions"):
            waiting.result(timeout=10)
    kafka_of_own.resume()


def test_write_waits_for_a_broker_that_restarts(kafka_of_own: Any) -> None:
    kafka_of_own.create_topic("decisions")
    writer = KafkaWriter(KafkaConnection(kafka_of_own.bootstrap_servers), delivery_timeout=60)
    writer.write([Record("decisions", b"k", b"before")])
    kafka_of_own.stop()
    restart = threading.Timer(1.0, kafka_of_own.start)
    restart.start()
    writer.write(records("decisions", 50))
    restart.join()
    writer.close()
    assert [record.value for record in kafka_of_own.read_all("decisions")] == [
        b"before",
        *(record.value for record in records("decisions", 50)),
    ]


LIMIT = 100_000


@pytest.fixture(params=["memory", "kafka"])
def narrow(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str, Any]]:
    """A writer, a topic of one partition that takes `LIMIT` bytes and no record without a key, and its reader."""
    if request.param == "memory":
        bus = MemoryBus(broker=MemoryBroker(1))
        bus.broker.limits[bus.topic], bus.broker.compacted = LIMIT, {bus.topic}
        yield bus.writer(), bus.topic, bus.everything
        return
    broker, name = request.getfixturevalue("kafka"), request.getfixturevalue("unique")("narrow")
    broker.create_topic(name, config={"max.message.bytes": str(LIMIT), "cleanup.policy": "compact"})
    writer = KafkaWriter(KafkaConnection(broker.bootstrap_servers), delivery_timeout=20)
    yield writer, name, lambda: broker.read_all(name)
    writer.close()


def test_what_a_topic_refuses_for_good_is_named_and_all_others_are_in_it(narrow: Any) -> None:
    """Small ones that went with it in one request, and came after it in the same partition, are not to blame."""
    writer, topic, everything = narrow
    large = Record(topic, b"large", bytes(2 * LIMIT))
    keyless = Record(topic, None, b"value")
    small = [Record(topic, b"k%d" % number, b"value") for number in range(8)]
    with pytest.raises(RefusedError, match="2 records") as raised:
        writer.write([small[0], large, *small[1:5], keyless, *small[5:]])
    assert set(raised.value.refused) == {1, 6}
    assert all(topic in reason for reason in raised.value.refused.values())
    assert sorted(record.key for record in everything()) == sorted(record.key for record in small)


def test_a_writer_goes_on_after_what_was_refused(narrow: Any) -> None:
    writer, topic, everything = narrow
    for turn in range(3):
        with pytest.raises(RefusedError):
            writer.write([Record(topic, b"large", bytes(2 * LIMIT))])
        writer.write([Record(topic, b"k%d" % turn, b"value")])
    assert len(everything()) == 3


def test_a_size_that_was_refused_is_sent_again_once_somebody_may_have_raised_the_limit(
    kafka: Any, unique: Any
) -> None:
    name = unique("raised")
    kafka.create_topic(name, config={"max.message.bytes": str(LIMIT)})
    now = [0.0]
    writer = KafkaWriter(KafkaConnection(kafka.bootstrap_servers), clock=lambda: now[0])
    with pytest.raises(RefusedError):
        writer.write([Record(name, b"k", bytes(2 * LIMIT))])
    kafka.configure_topic(name, {"max.message.bytes": str(4 * LIMIT)})
    with pytest.raises(RefusedError, match="has refused"):
        writer.write([Record(name, b"k", bytes(2 * LIMIT))])
    now[0] += REMEMBERED + 1
    writer.write([Record(name, b"k", bytes(2 * LIMIT))])
    writer.close()


def test_a_record_beyond_our_own_limit_is_refused_and_not_even_sent(kafka: Any, topic: str) -> None:
    writer = KafkaWriter(KafkaConnection(kafka.bootstrap_servers), max_record_bytes=MEGABYTE)
    with pytest.raises(RefusedError, match=topic):
        writer.write([Record(topic, b"k", bytes(2 * MEGABYTE))])
    writer.close()


def test_a_topic_that_does_not_exist_is_an_error_and_not_a_new_topic(kafka: Any, unique: Any) -> None:
    name = unique("nobody-made-this")
    writer = KafkaWriter(KafkaConnection(kafka.bootstrap_servers), delivery_timeout=2.0)
    with pytest.raises(PublishError, match=name):
        writer.write([Record(name, b"k", b"v")])
    writer.close()


def test_no_broker_at_all_is_said_at_once(unique: Any) -> None:
    with pytest.raises(ServiceError, match=r"no Kafka broker answers at 127\.0\.0\.1:9; start one"):
        KafkaWriter(KafkaConnection("127.0.0.1:9", patience=1.0))


def test_the_twin_keeps_nothing_while_it_is_down() -> None:
    bus = MemoryBus()
    bus.broker.available = False
    with pytest.raises(PublishError):
        bus.writer().write(records(bus.topic, 3))
    assert bus.everything() == []
