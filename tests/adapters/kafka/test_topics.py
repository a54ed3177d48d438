"""Topics are made and checked; a broker that is missing or does not let us in is named as such, and soon."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka.record import util

from pipeline.adapters.kafka import (
    KafkaConnection,
    KafkaSource,
    KafkaWriter,
    TopicPlan,
    check_libraries,
    check_topics,
    create_topics,
    tail,
    topic_remarks,
)
from pipeline.errors import ServiceError, SettingsError
from pipeline.wire import Record
from tests.adapters.conftest import collect
from tests.services.deadline import until
from tests.services.processes import free_port

# A connection that kafka-python drops while it is being made is closed by the collector alone: here, not elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def connection(kafka: Any) -> KafkaConnection:
    return KafkaConnection(kafka.bootstrap_servers)


def test_topics_are_made_once_and_left_alone_after(connection: KafkaConnection, unique: Any) -> None:
    images, letters = unique("images"), unique("letters")
    made = create_topics(connection, [TopicPlan(images, partitions=3)])
    assert (made.created, made.existed) == ([images], [])
    plans = [TopicPlan(images, partitions=9), TopicPlan(letters, partitions=1, retention=3600)]
    made = create_topics(connection, plans)
    assert (made.created, made.existed) == ([letters], [images])
    check_topics(connection, [images, letters])


def test_a_made_topic_takes_records_as_large_as_planned(connection: KafkaConnection, unique: Any) -> None:
    """More than the broker's own default of 1 MB, which the topic's setting overrides."""
    name = unique("large")
    create_topics(connection, [TopicPlan(name, partitions=1, max_message_bytes=4 * 1024 * 1024)])
    writer = KafkaWriter(connection)
    writer.write([Record(name, b"k", bytes(3 * 1024 * 1024))])
    writer.close()


def test_a_replication_factor_that_cannot_be_is_named_with_its_topic(
    connection: KafkaConnection, unique: Any
) -> None:
    name = unique("images")
    with pytest.raises(ServiceError, match=name):
        create_topics(connection, [TopicPlan(name, replication_factor=3)])


def test_every_missing_topic_is_named_with_the_command_that_makes_it(
    connection: KafkaConnection, topic: str, unique: Any
) -> None:
    first, second = unique("a"), unique("b")
    check_topics(connection, [topic])
    with pytest.raises(ServiceError, match=rf"no topics {first}, {second}; .*sluice topics create"):
        check_topics(connection, [first, topic, second])


def test_a_broker_that_is_not_there_is_named_within_ten_seconds() -> None:
    port = free_port()
    started = time.monotonic()
    with pytest.raises(ServiceError, match=rf"no Kafka broker answers at 127\.0\.0\.1:{port}; start one"):
        check_topics(KafkaConnection(f"127.0.0.1:{port}"), ["images"])
    assert time.monotonic() - started < 12


def test_something_that_listens_and_is_no_broker_is_told_from_nobody(kafka: Any) -> None:
    """A silent port, and a broker that is spoken to in TLS on its plain port."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ServiceError, match=rf"{at} accepts connections but does not answer"):
            check_topics(KafkaConnection(at, patience=1.0), ["images"])
    with pytest.raises(ServiceError, match=r"accepts connections but does not answer.* SSL "):
        check_topics(KafkaConnection(kafka.bootstrap_servers, "SSL", patience=1.0), ["images"])


@pytest.mark.parametrize(
    "attempt",
    [
        lambda connection: check_topics(connection, ["images"]),
        lambda connection: next(tail(connection, "images")),
        lambda connection: KafkaSource(connection, "images", "group"),
        KafkaWriter,
    ],
    ids=["topics", "tail", "source", "writer"],
)
def test_a_worker_that_waits_for_an_answer_gathers_no_threads(attempt: Callable[[KafkaConnection], Any]) -> None:
    """It asks again and again; the library's thread of each attempt ends with it."""
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}", patience=0.2)
        for _ in range(2):
            with pytest.raises(ServiceError):
                attempt(connection)
    until(lambda: set(threading.enumerate()) <= before, 60, lambda: str(threading.enumerate()))


def secure(listener: Any, **changes: Any) -> KafkaConnection:
    settings = {
        "bootstrap_servers": listener.bootstrap_servers,
        "security_protocol": "SASL_SSL",
        "username": listener.username,
        "password": listener.password,
        "ssl_cafile": str(listener.ca_file),
    }
    return KafkaConnection(**{**settings, **changes})


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_an_event_goes_in_and_out_over_tls_with_a_password(
    secure_kafka: Any, topic: str, group_id: str, mechanism: str
) -> None:
    connection = secure(secure_kafka, sasl_mechanism=mechanism)
    check_topics(connection, [topic])
    writer = KafkaWriter(connection)
    writer.write([Record(topic, b"k", b"secret")])
    writer.close()
    source = KafkaSource(connection, [topic], group_id)
    assert collect(source, 1)[0].items[0].event.value == b"secret"
    source.close()


def test_a_wrong_password_is_named_as_such(secure_kafka: Any) -> None:
    started = time.monotonic()
    with pytest.raises(ServiceError, match=r"(does not admit|hangs up on) user 'sluice'"):
        check_topics(secure(secure_kafka, password="wrong", patience=4.0), ["images"])
    assert time.monotonic() - started < 12


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secure_kafka: Any) -> None:
    """And the reason is given, also where the library's own log is silenced, as the commands do."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    with pytest.raises(ServiceError, match="CERTIFICATE_VERIFY_FAILED"):
        check_topics(secure(secure_kafka, ssl_cafile=None, patience=2.0), ["images"])
    logging.getLogger("kafka").setLevel(logging.NOTSET)


def test_a_certificate_file_that_is_missing_is_an_error(secure_kafka: Any) -> None:
    with pytest.raises(ServiceError, match="No such file"):
        check_topics(secure(secure_kafka, ssl_cafile="/nowhere/ca.pem", patience=2.0), ["images"])


def test_settings_that_cannot_work_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(SettingsError, match="PLAIN"):
        KafkaConnection("localhost:9092", "PLAIN")
    with pytest.raises(SettingsError, match="user name and a password"):
        KafkaConnection("localhost:9092", "SASL_SSL", username="me")
    with pytest.raises(SettingsError, match="empty"):
        KafkaConnection(" , ")


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in repr(KafkaConnection("h:1", "SASL_SSL", username="me", password="hunter2"))


def test_a_missing_checksum_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_libraries()
    monkeypatch.setattr(util, "crc32c_c", None)
    with pytest.raises(ServiceError, match="crc32c"):
        check_libraries()


def test_settings_that_make_answers_smaller_are_said_with_what_to_change(
    connection: KafkaConnection, kafka: Any, unique: Any
) -> None:
    images, decisions, letters = unique("images"), unique("decisions"), unique("letters")
    kafka.create_topic(images, config={"max.message.bytes": str(4 << 20)})
    kafka.create_topic(decisions, config={"max.message.bytes": "500000"})
    kafka.create_topic(letters, config={"max.message.bytes": "1000000", "cleanup.policy": "compact"})
    found = topic_remarks(connection, images, decisions, letters)
    assert len(found) == 3
    assert letters in found[0]
    assert f"max.message.bytes to {(4 << 20) + (1 << 16)}" in found[0]
    assert f"{decisions} takes records of 500,000 bytes" in found[1]
    assert f"{letters} is compacted" in found[2]


def test_there_is_nothing_to_say_of_the_topics_that_we_make(connection: KafkaConnection, unique: Any) -> None:
    names = [unique("images"), unique("decisions"), unique("letters")]
    sizes = [4 << 20, 4 << 20, (4 << 20) + (1 << 16)]
    create_topics(
        connection,
        [TopicPlan(name, partitions=1, max_message_bytes=size) for name, size in zip(names, sizes, strict=True)],
    )
    assert topic_remarks(connection, *names) == []
