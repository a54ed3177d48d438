"""A dead letter's event, sent again: the same bytes, the same id, and nobody else's."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.wire import (
    ORIGIN_HEADER,
    REPLAYS_HEADER,
    Event,
    Failed,
    Failure,
    Form,
    Origin,
    Record,
    SourceRef,
    Topics,
    event_id,
    event_of,
    is_event_of,
    is_whole,
    origin_of,
    read_dead_letter,
    record_of,
    replay_of,
)
from tests.test_wire import schema

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
NAMES = TEXT | st.sampled_from(
    ["content-type", "ce_id", "sluice.reason", "Sluice.Event.x", "sluice.event.y", "__connect.errors.topic"]
)
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=20)), max_size=5)
MILLISECONDS = st.integers(-(2**63), 2**63 - 1)
EVENTS = st.builds(
    Event,
    st.just("images"),
    st.integers(0, 5),
    st.integers(0, 1000),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=20),
    HEADERS,
    MILLISECONDS.map(lambda each: each / 1000),
)


def id_of(event: Event) -> str:
    return event_id(event, sha256(event.value or b"").hexdigest())


def letter_of(event: Event, form: Form = Form.WHOLE, offset: int = 0) -> Event:
    """The event's dead letter, as it is read back."""
    failure = Failure("decode", "truncated", "E", "cut off")
    return stored(
        record_of(Failed(event, id_of(event), failure, (), form, "set"), Topics(dead_letters="dlq")), offset
    )


def stored(record: Record, offset: int = 0, timestamp: float = 1e9) -> Event:
    partition = record.partition or 0
    return Event(record.topic, partition, offset, record.key, record.value, record.headers, timestamp)


def replayed(event: Event, *, offset: int, to: str | None = None) -> Event:
    """What the worker gets when the event's dead letter is replayed."""
    letter = letter_of(event)
    source = read_dead_letter(letter).source
    assert source is not None
    return stored(replay_of(event_of(letter, source), to), offset)


@given(EVENTS)
def test_a_dead_letter_gives_its_event_back(event: Event) -> None:
    letter = letter_of(event)
    source = read_dead_letter(letter).source
    assert source == SourceRef(event.topic, event.partition, event.offset)
    assert event_of(letter, source) == event
    assert is_whole(letter)


@given(EVENTS)
def test_a_replay_is_the_same_record_with_two_headers_more(event: Event) -> None:
    again = replayed(event, offset=event.offset + 5)
    assert (again.topic, again.partition, again.key, again.value) == (
        event.topic,
        event.partition,
        event.key,
        event.value,
    )
    assert list(again.headers[:-2]) == list(event.headers)
    assert [name for name, _ in again.headers[-2:]] == [ORIGIN_HEADER, REPLAYS_HEADER]


@given(EVENTS, st.integers(1, 10))
def test_replays_have_the_events_id_however_often_they_fail_again(event: Event, behind: int) -> None:
    once = replayed(event, offset=event.offset + behind)
    twice = replayed(once, offset=once.offset + behind)
    assert id_of(once) == id_of(twice) == id_of(event)
    assert origin_of(twice) == Origin("images", event.partition, event.offset, event.timestamp)
    letter = read_dead_letter(letter_of(twice))
    assert (letter.replays, letter.event_id) == (2, id_of(event))
    jsonschema.validate(msgspec.to_builtins(letter), schema("dead_letter.v1"))


@given(EVENTS)
def test_replays_elsewhere_have_an_id_of_their_own_which_is_the_same_for_each(event: Event) -> None:
    there = replayed(event, offset=3, to="other")
    assert id_of(there) == id_of(replayed(event, offset=8, to="another"))
    assert id_of(there) != id_of(event)


def forged(origin: Origin | bytes, value: bytes = b"knife", **changed: Any) -> Event:
    header = origin if isinstance(origin, bytes) else msgspec.json.encode(origin)
    where = {"topic": "images", "partition": 0, "offset": 9, "timestamp": 2.0} | changed
    return Event(key=b"k", value=value, headers=[(ORIGIN_HEADER, header)], **where)


VICTIM = Event("images", 0, 7, b"victim", b"knife", (), 1.0)
HIS = Origin("images", 0, 7, 1.0)


def test_an_id_is_claimed_with_the_same_bytes_alone_and_never_before_its_event() -> None:
    assert id_of(forged(HIS)) == id_of(VICTIM)
    others = [
        forged(HIS, value=b"kitten"),
        forged(HIS, offset=7),
        forged(HIS, offset=3),
        forged(HIS, partition=1),
        forged(HIS, topic="theirs"),
        forged(Origin("images", 0, 6, 1.0)),
        forged(Origin("images", 0, 7, 1.5)),
    ]
    assert id_of(VICTIM) not in {id_of(each) for each in others}


@given(st.builds(Origin, TEXT, st.integers(), st.integers(), st.floats()), st.integers(0, 20))
def test_no_forged_origin_gives_other_bytes_the_id_of_an_event(origin: Origin, offset: int) -> None:
    try:
        header = msgspec.json.encode(origin)
    except (UnicodeEncodeError, msgspec.EncodeError):
        return
    assert id_of(forged(header, value=b"kitten", offset=offset)) != id_of(VICTIM)


@given(st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b"null", b'{"topic":1}', b"1e999", b"[" * 2000]))
def test_what_is_no_origin_counts_for_nothing(header: bytes) -> None:
    plain = Event("images", 0, 9, b"k", b"knife", [], 2.0)
    assert origin_of(forged(header)) is None
    assert id_of(forged(header)) == id_of(plain)
    assert origin_of(forged(b" " * 2000 + msgspec.json.encode(HIS))) is None


@pytest.mark.parametrize("said", [b"x", b"", None, b"-4", b"9" * 30, "٣".encode()])
def test_a_count_that_is_none_counts_as_never_replayed(said: bytes | None) -> None:
    record = replay_of(Event("images", 0, 1, None, None, [("Sluice.Replays", said)], 1.0))
    assert [value for name, value in record.headers if name.lower() == REPLAYS_HEADER] == [b"1"]


@pytest.mark.parametrize("form", [Form.KEYED, Form.BARE, Form.REFERENCE])
@pytest.mark.parametrize("key", [None, b"own"])
def test_what_a_smaller_letter_lacks_is_known_and_not_made_up(form: Form, key: bytes | None) -> None:
    event = Event("images", 2, 5, key, b"\x89PNG", [("content-type", b"image/png")], 1764000000.123)
    letter = letter_of(event, form)
    assert is_whole(letter) == (form == Form.KEYED)
    assert is_event_of(letter, event)
    assert not is_event_of(letter, Event("images", 2, 5, key, b"\x89PNH", (), 1764000000.123))
    if form == Form.KEYED:
        assert event_of(letter, SourceRef("images", 2, 5)) == event


FOREIGN_NAMES = st.sampled_from(
    [
        *(f"__connect.errors.{name}" for name in ("topic", "partition", "offset")),
        *(f"sluice.{name}" for name in ("reason", "event_id", "timestamp", "replays", "left_out", "note", "event.")),
    ]
)


@given(
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=20),
    st.lists(st.tuples(TEXT | FOREIGN_NAMES, st.none() | st.binary(max_size=30) | st.just(b"12"))),
    MILLISECONDS,
)
def test_whatever_stands_in_the_topic_is_read(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]], milliseconds: int
) -> None:
    record = Event("dlq", 0, 3, key, value, headers, milliseconds / 1000)
    letter = read_dead_letter(record)
    jsonschema.validate(msgspec.to_builtins(letter), schema("dead_letter.v1"))
    if letter.source is not None:
        assert replay_of(event_of(record, letter.source)).value == value


def test_a_record_of_kafka_connects_own_is_foreign_and_says_where_its_record_stood() -> None:
    headers = [("__connect.errors.topic", b"t"), ("__connect.errors.partition", b"1")]
    headers += [("__connect.errors.offset", b"5"), ("__connect.errors.exception.message", b"no schema")]
    letter = read_dead_letter(Event("dlq", 0, 3, None, b"x", headers, 1.0))
    assert letter.foreign
    assert (letter.source, letter.message) == (SourceRef("t", 1, 5), "no schema")
