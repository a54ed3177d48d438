"""Who saw and did what is an event on a topic, in order, whatever the broker does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.resources import files
from threading import Event as Flag
from uuid import uuid4

import httpx2
import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryBroker, MemoryTopic, MemoryWriter
from pipeline.errors import ServiceError
from pipeline.ports import Decoder
from pipeline.wire import AuditEvent, Record, audit_json, parse_audit
from tests.console.served import Served, match, served, until
from tests.e2e.pictures import picture
from tests.services.kafka import KafkaBroker
from workers.console.access import audit
from workers.console.access.audit import AuditTopic
from workers.console.access.journal import GUESSES, Journal
from workers.services import kafka_text_writer
from workers.settings import load_settings

TOKENS = "vera:viewer:vvvvvvvvvvvvvvvv,ed:editor:eeeeeeeeeeeeeeee"
VERA = {"authorization": f"Bearer {'v' * 16}"}
SCHEMA = json.loads(files("pipeline.schemas").joinpath("audit.v1.json").read_text())
TOPIC = "audit"


def event(number: int = 1, **changed: object) -> AuditEvent:
    made = AuditEvent(audit_id=f"{number:032x}", who="vera", role="viewer", what="saw", at="2026-01-02T03:04:05Z")
    return msgspec.structs.replace(made, **changed)


def kept(broker: MemoryBroker, topic: str = TOPIC) -> list[AuditEvent]:
    found = MemoryTopic(broker, topic)
    return [parse_audit(each.value or b"") for each in found.read(found.spans())]


@pytest.fixture
def guarded(decoder: Decoder) -> Iterator[Served]:
    with served(load_settings({"console_tokens": TOKENS}), decoder) as made:
        yield made


def test_a_picture_that_is_seen_and_a_page_that_is_refused_are_events(guarded: Served) -> None:
    sent = guarded.sent(picture(1))
    guarded.decided(sent, match())
    guarded.read(1)
    topic, place = guarded.settings.audit_topic, f"{sent.topic}/{sent.partition}/{sent.offset}"
    with httpx2.Client(base_url=guarded.address, headers=VERA) as vera:
        assert vera.get(f"/pictures/clear/{place}").status_code == 200
        assert vera.post("/dead-letters/replay", data={}).status_code == 403
    until(lambda: len(kept(guarded.broker, topic)) == 2)
    saw, refused = kept(guarded.broker, topic)
    assert (saw.who, saw.role, saw.what, saw.allowed) == ("vera", "viewer", "saw a picture", True)
    assert saw.about["picture"].endswith(str(sent.offset))
    assert (refused.who, refused.allowed) == ("vera", False)
    assert refused.about == {"path": "/dead-letters/replay", "needed": "reviewer"}
    for each in (saw, refused):
        jsonschema.validate(json.loads(audit_json(each)), SCHEMA)


def test_who_signs_in_and_out_is_an_event_and_a_picture_that_is_not_there_is_none(guarded: Served) -> None:
    with httpx2.Client(base_url=guarded.address) as client:
        client.post("/sign-out")
        client.post("/sign-in", data={"token": "v" * 16})
        assert client.get("/pictures/clear/nowhere/0/0").status_code == 404
        client.post("/sign-out")
    until(lambda: len(kept(guarded.broker, guarded.settings.audit_topic)) == 2)
    found = kept(guarded.broker, guarded.settings.audit_topic)
    assert [(each.who, each.what) for each in found] == [("vera", "signed in"), ("vera", "signed out")]


def test_a_wrong_token_is_an_event_and_nobody_without_one_is(guarded: Served) -> None:
    assert httpx2.get(f"{guarded.address}/live/series").status_code == 401
    basic = {"authorization": "Basic dmVyYTp2"}
    assert httpx2.get(f"{guarded.address}/live/series", headers=basic).status_code == 401
    wrong = {"authorization": f"Bearer {'x' * 16}"}
    assert httpx2.get(f"{guarded.address}/live/series", headers=wrong).status_code == 401
    assert httpx2.post(f"{guarded.address}/sign-in", data={"token": "y" * 16}).status_code == 401
    until(lambda: len(kept(guarded.broker, guarded.settings.audit_topic)) == 2)
    found = kept(guarded.broker, guarded.settings.audit_topic)
    assert [each.about for each in found] == [
        {"path": path, "address": "127.0.0.1"} for path in ("/live/series", "/sign-in")
    ]
    for each in found:
        assert (each.who, each.what, each.allowed) == ("nobody", "gave a wrong token", False)
        jsonschema.validate(json.loads(audit_json(each)), SCHEMA)
        assert "x" * 16 not in audit_json(each).decode()
        assert "y" * 16 not in audit_json(each).decode()


def test_of_very_many_wrong_tokens_some_are_told_and_the_others_counted() -> None:
    kept, now = list[AuditEvent](), 6_000.0
    journal = Journal(kept.append, lambda: now)
    for number in range(1_000):
        journal.unknown(f"/{number}", "192.0.2.1")
    assert [each.about["path"] for each in kept] == [f"/{number}" for number in range(GUESSES)]
    assert not any("more_before" in each.about for each in kept)
    now += 60
    for _ in range(2):
        journal.unknown("/again", "192.0.2.1")
    first, second = (each.about for each in kept[GUESSES:])
    assert first == {"path": "/again", "address": "192.0.2.1", "more_before": 1_000 - GUESSES}
    assert second == {"path": "/again", "address": "192.0.2.1"}


def test_without_a_topic_the_log_alone_has_it(decoder: Decoder) -> None:
    with served(load_settings({"audit_topic": "off"}), decoder) as quiet:
        sent = quiet.sent(picture(1))
        assert quiet.console.audit is None
        found = httpx2.get(f"{quiet.address}/pictures/clear/{sent.topic}/{sent.partition}/{sent.offset}")
        assert found.status_code == 200


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "AGAIN", 0.01)


@pytest.mark.usefixtures("soon")
def test_events_wait_for_a_broker_that_is_away_and_keep_their_order() -> None:
    broker = MemoryBroker(1)
    broker.available = False
    written = AuditTopic(lambda: MemoryWriter(broker), TOPIC)
    for number in range(1, 4):
        written.keep(event(number))
    until(lambda: written.trouble)
    assert "it is down" in written.trouble
    broker.available = True
    until(lambda: not written.trouble)
    written.keep(event(4))
    written.close()
    assert [int(each.audit_id, 16) for each in kept(broker)] == [1, 2, 3, 4]
    assert written.lost == 0


@pytest.mark.usefixtures("soon")
def test_a_broker_that_does_not_answer_at_first_is_asked_again() -> None:
    broker, asked = MemoryBroker(1), list[int]()

    def writer() -> MemoryWriter:
        asked.append(1)
        if len(asked) < 3:
            raise ServiceError("no broker answers")
        return MemoryWriter(broker)

    written = AuditTopic(writer, TOPIC)
    written.keep(event())
    until(lambda: kept(broker))
    written.close()
    assert len(asked) == 3


def test_a_topic_that_is_made_later_gets_what_waited_for_it(kafka: KafkaBroker) -> None:
    settings = load_settings({"bootstrap_servers": kafka.bootstrap_servers})
    topic = f"audit-{uuid4().hex}"
    written = AuditTopic(partial(kafka_text_writer, settings), topic)
    written.keep(event(1))
    until(lambda: topic in written.trouble, 60)
    kafka.create_topic(topic)
    until(lambda: not written.trouble, 60)
    written.keep(event(2))
    written.close()
    assert [parse_audit(each.value or b"") for each in kafka.read_all(topic)] == [event(1), event(2)]


def test_what_is_not_written_in_the_end_is_counted() -> None:
    broker = MemoryBroker(1)
    broker.available = False
    written = AuditTopic(lambda: MemoryWriter(broker), TOPIC)
    for number in range(5):
        written.keep(event(number))
    written.close()
    written.close()
    assert written.lost == 5


def test_more_than_may_wait_is_counted_and_nobody_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST", 3)
    goes_on, broker = Flag(), MemoryBroker(1)

    class Slow(MemoryWriter):
        def write(self, records: Sequence[Record]) -> None:
            goes_on.wait(30)
            super().write(records)

    written = AuditTopic(lambda: Slow(broker), TOPIC)
    for number in range(10):
        written.keep(event(number))
    goes_on.set()
    written.close()
    assert written.lost == 7
    assert len(kept(broker)) == 3


def test_one_that_is_too_large_costs_itself_alone() -> None:
    broker = MemoryBroker(1)
    broker.limits[TOPIC] = 2_000
    written = AuditTopic(lambda: MemoryWriter(broker), TOPIC)
    for each in (event(1), event(2, about={"images": ["i" * 64] * 100}), event(3)):
        written.keep(each)
    written.close()
    assert sorted(int(each.audit_id, 16) for each in kept(broker)) == [1, 3]
    assert written.lost == 1


def test_the_schema_names_the_very_fields() -> None:
    fields = msgspec.structs.fields(AuditEvent)
    assert set(SCHEMA["properties"]) == {field.name for field in fields}
    assert set(SCHEMA["required"]) == {field.name for field in fields if field.required}


@given(st.binary(max_size=200))
def test_bytes_that_are_no_event_are_refused_in_words(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        parse_audit(value)
