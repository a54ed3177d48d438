"""Answers as values: how they are written in every form, and what a dead letter says before it is one."""

from __future__ import annotations

from dataclasses import replace as replace_event
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.errors import ItemError, Reason
from pipeline.items import Item
from pipeline.rules.dead_letters import Wanted
from pipeline.wire import (
    Answer,
    Claim,
    Decided,
    Decision,
    Event,
    Failed,
    Failure,
    Form,
    ModelRef,
    Record,
    SourceRef,
    Topics,
    dead_letter,
    dead_letter_json,
    image_id,
    is_whole,
    read_dead_letter,
    record_of,
    rfc3339,
)

TOPICS = Topics("decisions", "dead letters")
BIG = b"x" * 70_000
"""A header that is too large for a decision."""
HEADERS = [("traceparent", b"00-1"), ("ce_id", b"theirs"), ("Sluice.Reason", None), ("big", BIG)]
KEYLESS = Event("images", 2, 5, None, b"\x89PNG", HEADERS, 1764000000.5)
LONG_KEY = Event("images", 2, 5, b"k\xff" * 3000, b"\x89PNG", [("big", BIG)], -0.001)
HASHED = "sha256:d5eae6084528dec23c2eaba1e1f1e3a1118c587e5e8dd344a9c61539120e2dc1"


def decision_on(event: Event) -> Decision:
    return Decision(
        event_id="e" * 32,
        decision_id="d" * 32,
        image_id=image_id(event),
        content_sha256="0" * 64,
        source=SourceRef("images", 2, 5),
        verdict="allow",
        scores={"weapons": 0.25},
        policy_set="0123456789ab",
        model=ModelRef("bundled", "f" * 16, "float32"),
        preprocess="fast-64",
        frames=1,
        event_time=rfc3339(event.timestamp),
        decided_at=rfc3339(1764000100.0),
        notes=["odd"],
    )


FAILURE = Failure("decode", "truncated", "pipeline.errors.ItemError", "cut \udcff off")


def decided(event: Event, form: Form = Form.WHOLE) -> Record:
    return record_of(Decided(event, decision_on(event), form), TOPICS)


def failed(event: Event, form: Form = Form.WHOLE) -> Record:
    return record_of(Failed(event, "e" * 32, FAILURE, ("odd", "n\udcffte"), form), TOPICS)


def decision_bytes(name: str, event_time: str, *notes: str) -> bytes:
    said = ",".join(f'"{note}"' for note in ("odd", *notes))
    return (
        '{"schema":"sluice.decision.v2","event_id":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",'
        f'"decision_id":"dddddddddddddddddddddddddddddddd","image_id":"{name}",'
        '"content_sha256":"0000000000000000000000000000000000000000000000000000000000000000",'
        '"source":{"topic":"images","partition":2,"offset":5},"verdict":"allow","matches":[],"shadow":[],'
        '"scores":{"weapons":0.25},"policy_set":"0123456789ab",'
        '"model":{"name":"bundled","fingerprint":"ffffffffffffffff","dtype":"float32"},"preprocess":"fast-64",'
        f'"frames":1,"event_time":"{event_time}","decided_at":"2025-11-24T16:01:40.000Z","notes":[{said}]}}'
    ).encode()


def cloud_event(subject: str) -> list[tuple[str, bytes | None]]:
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"dddddddddddddddddddddddddddddddd"),
        ("ce_type", b"dev.sluice.decision.v2"),
        ("ce_source", b"/sluice/images/2"),
        ("ce_subject", subject.encode()),
        ("ce_time", b"2025-11-24T16:01:40.000Z"),
    ]


CARRIED = [("traceparent", b"00-1"), ("sluice.event.ce_id", b"theirs"), ("sluice.event.Sluice.Reason", None)]
KEPT = [("traceparent", b"00-1"), ("ce_id", b"theirs"), ("sluice.event.Sluice.Reason", None), ("big", BIG)]
WHY = [
    ("__connect.errors.topic", b"images"),
    ("__connect.errors.partition", b"2"),
    ("__connect.errors.offset", b"5"),
    ("__connect.errors.stage", b"decode"),
    ("__connect.errors.exception.class.name", b"pipeline.errors.ItemError"),
    ("__connect.errors.exception.message", b"cut ? off"),
    ("sluice.reason", b"truncated"),
    ("sluice.event_id", b"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
    ("sluice.note", b"odd"),
    ("sluice.note", b"n?te"),
]
MADE_UP = ("sluice.note", b"key made up: there was none")
NO_HEADERS = ("sluice.note", b"headers left out: 'traceparent', 'ce_id', 'Sluice.Reason', 'big'")
NO_BIG = ("sluice.note", b"headers left out: 'big'")
NO_VALUE = ("sluice.note", b"value left out: it stands in the images topic")
KEY_HASHED = ("sluice.note", b"key of 6,000 bytes hashed")
REFERENCE = (
    b'{"topic":"images","partition":2,"offset":5,"bytes":4,'
    b'"sha256":"0f4636c78f65d3639ece5a064b5ae753e3408614a14fb18ab4d7540d2c248543"}'
)
THEN, ODD = ("sluice.timestamp", b"1764000000.5"), ("sluice.timestamp", b"-0.001")
WITHOUT = {part: ("sluice.left_out", part.encode()) for part in ("key", "headers", "value")}
PLACE = "images/2/5"
LATER, BEFORE = "2025-11-24T16:00:00.500Z", "1969-12-31T23:59:59.999Z"
ALL = "headers left out: 'traceparent', 'ce_id', 'Sluice.Reason', 'big'"
ONE = "headers left out: 'big'"


@pytest.mark.parametrize(
    ("event", "form", "key", "value", "headers"),
    [
        (KEYLESS, Form.WHOLE, PLACE, decision_bytes(PLACE, LATER, ONE), [*cloud_event(PLACE), *CARRIED]),
        (KEYLESS, Form.KEYED, PLACE, decision_bytes(PLACE, LATER, ONE), [*cloud_event(PLACE), *CARRIED]),
        (KEYLESS, Form.BARE, PLACE, decision_bytes(PLACE, LATER, ALL), cloud_event(PLACE)),
        (KEYLESS, Form.REFERENCE, PLACE, decision_bytes(PLACE, LATER, ALL), cloud_event(PLACE)),
        *(
            (
                LONG_KEY,
                form,
                HASHED,
                decision_bytes(HASHED, BEFORE, ONE, "key of 6,000 bytes hashed"),
                cloud_event(HASHED),
            )
            for form in Form
        ),
    ],
)
def test_a_decision_is_these_bytes_in_every_form(
    event: Event, form: Form, key: str, value: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    assert decided(event, form) == Record("decisions", key.encode(), value, headers)


@pytest.mark.parametrize(
    ("event", "form", "key", "value", "headers"),
    [
        (KEYLESS, Form.WHOLE, None, b"\x89PNG", [*KEPT, *WHY, THEN]),
        (KEYLESS, Form.KEYED, b"images/2/5", b"\x89PNG", [*KEPT, *WHY, MADE_UP, THEN, WITHOUT["key"]]),
        (KEYLESS, Form.BARE, b"images/2/5", b"\x89PNG", [*WHY, MADE_UP, NO_HEADERS, THEN, WITHOUT["headers"]]),
        (
            KEYLESS,
            Form.REFERENCE,
            b"images/2/5",
            REFERENCE,
            [*WHY, MADE_UP, NO_HEADERS, NO_VALUE, THEN, WITHOUT["value"]],
        ),
        (LONG_KEY, Form.WHOLE, LONG_KEY.key, b"\x89PNG", [("big", BIG), *WHY, ODD]),
        (LONG_KEY, Form.KEYED, LONG_KEY.key, b"\x89PNG", [("big", BIG), *WHY, ODD]),
        (LONG_KEY, Form.BARE, LONG_KEY.key, b"\x89PNG", [*WHY, NO_BIG, ODD, WITHOUT["headers"]]),
        (
            LONG_KEY,
            Form.REFERENCE,
            HASHED.encode(),
            REFERENCE,
            [*WHY, NO_BIG, KEY_HASHED, NO_VALUE, ODD, WITHOUT["value"]],
        ),
    ],
)
def test_a_dead_letter_is_these_bytes_in_every_form(
    event: Event, form: Form, key: bytes | None, value: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    assert failed(event, form) == Record("dead letters", key, value, headers)


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
"""Text that may hold lone surrogates, as the names of files may."""
KEYS = st.none() | st.binary(max_size=20) | st.just(b"k" * 5000)
VALUES = st.none() | st.binary(max_size=20)
EVENTS = st.builds(
    Event,
    st.just("t"),
    st.just(0),
    st.integers(0, 9),
    KEYS,
    VALUES,
    st.lists(st.tuples(TEXT | st.just("ce_id"), VALUES | st.just(BIG)), max_size=3),
) | st.builds(lambda key: Event("t", 0, 3, key, b"?", unread_headers=3_000_000), KEYS)
NOTES = st.lists(TEXT, max_size=2).map(tuple)
IDS = st.none() | st.text(max_size=20) | st.just("i" * 5000)
LETTERS = st.builds(
    Failed,
    EVENTS,
    st.just("e" * 32),
    st.builds(Failure, st.just("decode"), st.just("truncated"), TEXT, TEXT),
    NOTES,
    claim=st.none() | st.builds(Claim, st.just("https://x/y"), id=IDS),
)
ANSWERS = EVENTS.map(lambda event: Decided(event, decision_on(event))) | LETTERS


def forms(answer: Answer) -> list[Answer]:
    """The answer and every smaller form that it gives, in turn."""
    found = [answer]
    while (smaller := found[-1].smaller()) is not None:
        found.append(smaller)
    return found


@given(ANSWERS)
def test_smaller_forms_are_all_those_that_differ_from_the_one_before(answer: Answer) -> None:
    every = [record_of(replace(answer, form=form), TOPICS) for form in Form]
    changed = [after for before, after in pairwise(every) if after != before]
    assert [record_of(each, TOPICS) for each in forms(answer)] == [every[0], *changed]


@given(LETTERS)
def test_a_dead_letter_says_before_it_is_written_what_is_read_back_of_it(answer: Failed) -> None:
    letter = dead_letter(answer)
    assert letter == read_dead_letter(record_of(answer, TOPICS))
    assert dead_letter_json(letter).decode()


@given(LETTERS)
def test_a_dead_letter_is_found_in_every_form_by_the_id_that_a_decision_would_have_had(answer: Failed) -> None:
    wanted = image_id(answer.event, answer.claim)
    for each in forms(answer):
        letter = read_dead_letter(record_of(each, TOPICS))
        assert letter.image_id == wanted
        assert Wanted(id=wanted).means(letter, 0.0)


def test_an_item_that_fails_takes_the_id_of_its_claim_check_along() -> None:
    refused = Item(replace_event(KEYLESS, key=b""), claim=Claim("https://nowhere.example/", id="photo-77"))
    refused.fail("fetch", ItemError(Reason.FETCH_REFUSED, "not allowed"))
    letter = read_dead_letter(record_of(refused.answer("publish"), TOPICS))
    assert letter.image_id == "photo-77"


@given(LETTERS)
def test_a_dead_letter_is_whole_just_where_its_value_and_headers_came_along(answer: Failed) -> None:
    for each in forms(answer):
        letter = record_of(each, TOPICS)
        whole = each.form < Form.BARE or (each.form == Form.BARE and not answer.event.headers)
        stored = Event("dlq", 0, 0, letter.key, letter.value, letter.headers)
        assert is_whole(stored) == (whole and not answer.event.unread_headers)


def test_an_item_answers_with_its_decision_or_with_why_it_has_none() -> None:
    made, unread = Item(KEYLESS), Item(KEYLESS, notes=("odd",))
    made.decision = decision_on(KEYLESS)
    unread.fail("decode", ItemError(Reason.TRUNCATED, "cut off"))
    assert made.answer("publish") == Decided(KEYLESS, decision_on(KEYLESS))
    failure = Failure("decode", "truncated", "pipeline.errors.ItemError", "cut off")
    assert unread.answer("publish") == Failed(KEYLESS, unread.event_id, failure, ("odd",))


def test_an_item_without_an_outcome_has_failed_in_the_stage_that_asks_for_it() -> None:
    answer = Item(KEYLESS).answer("publish")
    assert isinstance(answer, Failed)
    assert (answer.failure.stage, answer.failure.reason) == ("publish", "stage_failed")
    assert "this is a bug" in answer.failure.message
