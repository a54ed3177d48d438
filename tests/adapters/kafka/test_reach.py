"""A worker that is cut off from Kafka says so, and why, and that it is taken in again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from structlog.testing import capture_logs

from pipeline.adapters.kafka import KafkaConnection, KafkaSource, reach
from pipeline.ports import Hooks
from tests.adapters.conftest import poll_until
from tests.services.certificates import Certificate
from tests.services.kafka import KafkaBroker


class Told(Hooks):
    """Keeps what it was told of Kafka, in order."""

    def __init__(self) -> None:
        self.of_kafka: list[str | None] = []

    def kafka_away(self, why: str | None) -> None:
        self.of_kafka.append(why)


@pytest.fixture
def secure(tmp_path: Path, certificate: Certificate) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path, certificate=certificate) as broker:
        yield broker


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 2.0)
    monkeypatch.setattr(reach, "TELL_EVERY", 2.0)


def let_in_with(broker: KafkaBroker, password: str) -> None:
    wanted = UserScramCredentialUpsertion(broker.secure.username, ScramMechanism.SCRAM_SHA_512, password)
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
        admin.alter_user_scram_credentials([wanted])


def test_a_password_that_was_changed_under_a_worker_is_told_with_what_to_do(secure: KafkaBroker) -> None:
    """Connections that stand are left alone by Kafka, so that it shows when the broker restarts."""
    secure.create_topic("images")
    connection = KafkaConnection(
        secure.secure.bootstrap_servers,
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        username=secure.secure.username,
        password=secure.secure.password,
        ssl_cafile=str(secure.secure.ca_file),
    )
    told = Told()
    with capture_logs() as logged, closing(KafkaSource(connection, "images", "group", hooks=told)) as source:
        poll_until(lambda: bool(source._ours.partitions), source)
        assert told.of_kafka == []
        let_in_with(secure, "another")
        secure.restart()
        poll_until(lambda: any("user 'sluice'" in why for why in told.of_kafka if why), source, within=60)
        let_in_with(secure, secure.secure.password)
        poll_until(lambda: told.of_kafka[-1] is None, source, within=60)
    said = [line["why"] for line in logged if line["event"] == "kafka_away" and "restart it" in line["advice"]]
    assert said == [why for why in told.of_kafka if why]
    assert [line["event"] for line in logged].count("kafka_back") == told.of_kafka.count(None)


def test_a_broker_that_is_gone_is_told_once_in_a_while_and_one_that_is_there_never(kafka_of_own: KafkaBroker) -> None:
    kafka_of_own.create_topic("images")
    told = Told()
    connection = KafkaConnection(kafka_of_own.bootstrap_servers)
    with closing(KafkaSource(connection, "images", "group", hooks=told)) as source:
        poll_until(lambda: bool(source._ours.partitions), source)
        source.pause()
        kafka_of_own.stop()
        poll_until(lambda: len(told.of_kafka) == 2, source, within=60)
        assert all("no Kafka broker answers" in str(why) for why in told.of_kafka)
        kafka_of_own.start()
        poll_until(lambda: told.of_kafka[-1] is None, source, within=60)
