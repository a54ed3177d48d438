"""Networks that swallow and brokers that hang up: how long it costs, and how often they are tried."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.kafka import KafkaConnection, KafkaSource, KafkaWriter, membership, network
from pipeline.adapters.kafka.network import MOST_WAIT, SILENCE
from pipeline.wire import Record
from tests.adapters.conftest import Polling, values
from tests.conftest import had_or_skipped
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST
from tests.services.proxy import Mode, Proxy

pytestmark = pytest.mark.services


@dataclass(frozen=True)
class Wire:
    """A broker that can be reached through a proxy alone."""

    broker: KafkaBroker
    proxy: Proxy

    @property
    def connection(self) -> KafkaConnection:
        return KafkaConnection(f"{HOST}:{self.proxy.port}")

    def put(self, *pictures: bytes) -> None:
        writer = KafkaWriter(self.connection, delivery_timeout=60)
        writer.write([Record("images", None, picture) for picture in pictures])
        writer.close()


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder: Path = tmp_path_factory.mktemp("kafka-behind-a-proxy")
    with Proxy() as proxy:
        broker = KafkaBroker(folder, advertised_port=proxy.port)
        proxy.target = broker.side_port
        try:
            had_or_skipped(broker.start)
            broker.create_topic("images", 2)
            yield Wire(broker, proxy)
        finally:
            broker.close()


@pytest.fixture(autouse=True)
def _passing(wire: Wire) -> Iterator[None]:
    yield
    wire.proxy.mode = Mode.PASS


def source(wire: Wire, group: str) -> Any:
    return KafkaSource(wire.connection, "images", group, commit_interval=0.0)


def test_bytes_that_are_swallowed_for_seconds_cost_the_silence_and_little_more(wire: Wire, group_id: str) -> None:
    """Everything that is under way then gets no answer ever: fetches, heartbeats, commits, metadata."""
    wire.put(b"before")
    with Polling(source(wire, group_id)) as polling:
        until(lambda: b"before" in values(polling.batches), 30, "the first event")
        wire.proxy.mode = Mode.SWALLOW
        time.sleep(4)
        wire.proxy.mode = Mode.PASS
        passing = time.monotonic()
        wire.put(b"after")
        until(lambda: b"after" in values(polling.batches), 120, "the event after")
        assert time.monotonic() - passing < SILENCE + 45  # patient: a loaded machine; the library alone takes 43 s


def test_an_answer_that_comes_slowly_is_waited_for(
    wire: Wire, group_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the limit for silence, as long as bytes keep coming."""

    monkeypatch.setattr(membership, "SILENCE", 2.0)
    monkeypatch.setattr(network, "SILENCE", 2.0)
    wire.put(bytes(6_000_000))
    wire.proxy.bytes_per_second = 1_000_000
    try:
        with Polling(source(wire, group_id)) as polling:
            until(lambda: bytes(6_000_000) in values(polling.batches), 90, "six megabytes at one a second")
    finally:
        wire.proxy.bytes_per_second = None


def test_who_accepts_and_hangs_up_is_tried_ever_more_rarely(wire: Wire, group_id: str) -> None:
    wire.put(b"before")
    with Polling(source(wire, group_id)) as polling:
        until(lambda: b"before" in values(polling.batches), 30, "the first event")
        wire.proxy.hang_up()
        time.sleep(6)
        before = wire.proxy.accepted
        time.sleep(8)
        tried = wire.proxy.accepted - before
        assert 0 < tried <= 5 * 8 / MOST_WAIT  # the broker, its coordinator and those who ask for metadata
        wire.proxy.mode = Mode.PASS
        wire.put(b"after")
        until(lambda: b"after" in values(polling.batches), 60, "the event after")
