"""Policy sets that go live reach the archive's topic, however long the broker is away, and hold up nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Event as Flag

import numpy as np
import pytest

from pipeline.adapters.memory import MemoryBroker, MemoryTextCache, MemoryWriter
from pipeline.errors import PolicyError, ServiceError
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks, RecordWriter
from pipeline.rules.archive.set_parts import joined
from pipeline.rules.policies.assets import Asset
from pipeline.wire import PolicySetPart, PolicySetRecord, Record, parse_archive_record
from tests.path.test_live import Hashing, folder
from tests.services.deadline import until
from tests.signals_made import signals
from workers import outbox
from workers.policies.sent import PolicySetsSent, policy_sets_sent

TOPIC = "features"
FILES = folder("a knife", "a cup of tea")


@contextmanager
def sending(broker: MemoryBroker, connect: Callable[[], RecordWriter] | None = None) -> Iterator[PolicySetsSent]:
    with closing(PolicySetsSent(connect or (lambda: MemoryWriter(broker)), TOPIC, lambda: 0.0, pause=0.01)) as made:
        yield made


def sets(broker: MemoryBroker) -> list[PolicySetRecord]:
    read = [parse_archive_record(each.value or b"") for each in broker.records(TOPIC)]
    return [each for each in read if isinstance(each, PolicySetRecord)]


def arrive(broker: MemoryBroker, *versions: str) -> None:
    wanted = list(versions)
    until(lambda: [each.version for each in sets(broker)] == wanted, 20, lambda: f"{wanted}: {sets(broker)}")


def test_a_set_that_goes_live_is_sent_with_its_files_and_one_that_is_refused_is_not() -> None:
    broker = MemoryBroker(1)
    with sending(broker) as sent_sets:
        live = LivePolicies(Hashing(), MemoryTextCache(), sent_sets)
        version = live.offer(FILES).version
        with pytest.raises(PolicyError):
            live.offer({"a.yaml": b"nonsense: ["})
        arrive(broker, version)
    (found,) = sets(broker)
    assert (found.files, found.live_at) == (FILES, "1970-01-01T00:00:00.000Z")
    assert broker.records(TOPIC)[0].key == version.encode()


def test_sets_wait_in_order_for_a_broker_that_is_away() -> None:
    broker = MemoryBroker(1)
    broker.available = False
    with sending(broker) as sent_sets:
        for version in ("one", "two", "three"):
            sent_sets.went_live(version, FILES)
        time.sleep(0.05)
        assert sets(broker) == []
        broker.available = True
        arrive(broker, "one", "two", "three")


def test_a_connection_that_cannot_be_made_is_tried_again() -> None:
    broker, tries = MemoryBroker(1), []

    def connect() -> RecordWriter:
        tries.append(1)
        if len(tries) < 3:
            raise ServiceError("no broker")
        return MemoryWriter(broker)

    with sending(broker, connect) as sent_sets:
        sent_sets.went_live("one", FILES)
        arrive(broker, "one")


def test_one_that_the_topic_never_takes_is_given_up_and_the_next_is_sent() -> None:
    broker = MemoryBroker(1)
    broker.limits[TOPIC] = 1000
    with sending(broker) as sent_sets:
        sent_sets.went_live("large", {"a.yaml": bytes(2000)})
        sent_sets.went_live("small", FILES)
        arrive(broker, "small")


def test_a_set_with_hundreds_of_pictures_goes_in_parts_that_a_topic_takes() -> None:
    broker = MemoryBroker(1)
    broker.limits[TOPIC] = 1_048_576
    seen = signals(np.random.default_rng(0).normal(size=(4, 512)))
    pictures = {f"{at}.jpg": Asset(f"{at}.jpg", str(at), signals=seen) for at in range(300)}
    with sending(broker) as sent_sets:
        sent_sets.went_live("one", FILES, pictures)
        arrive(broker, "one")
    parts = [each for record in broker.records(TOPIC) for each in [parse_archive_record(record.value or b"")]]
    *before, last = parts
    assert isinstance(last, PolicySetRecord)
    assert [each.digest for each in before if isinstance(each, PolicySetPart)] == last.parts
    assert len(last.parts) == 1
    assert (last.model, last.preprocess) == (seen.made_by.model, seen.made_by.preprocess)
    assert joined(last, [each for each in before if isinstance(each, PolicySetPart)]).assets.keys() == pictures.keys()


def test_who_goes_live_does_not_wait_and_the_end_waits_a_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LEAVING", 0.1)
    busy, free = Flag(), Flag()

    class Slow:
        def write(self, records: Sequence[Record]) -> None:
            del records
            busy.set()
            free.wait(20)

        def close(self) -> None:
            pass

    before = time.monotonic()
    with sending(MemoryBroker(1), Slow) as sent_sets:
        for number in range(100):
            sent_sets.went_live(str(number), FILES)
        busy.wait(20)
    assert time.monotonic() - before < 10
    free.set()


def test_nothing_is_sent_and_no_connection_made_where_the_archive_is_off() -> None:
    def connect() -> RecordWriter:
        raise AssertionError

    with policy_sets_sent(connect, TOPIC, on=False) as listener:
        listener.went_live("one", FILES)
        assert type(listener) is Hooks
