"""A canary on the wire: its picture is the one that was given, its bytes are new, and its answers are known again."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.pillow import PillowDecoder
from pipeline.wire import (
    CANARY_HEADER,
    CANARY_IDS,
    Decided,
    Event,
    Failed,
    Failure,
    Form,
    Record,
    Reply,
    Topics,
    canary_record,
    marked,
    record_of,
    reply_in,
)
from tests.deploy.traffic import SPEC, decision
from tests.images import animated, encoded, photograph, soft

PICTURES = {form: encoded(photograph(200, 150), form) for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")} | {
    "animated GIF": animated([soft(64, 64, seed) for seed in range(3)]),
    "animated WebP": animated([soft(64, 64, seed) for seed in range(3)], "WEBP"),
    "APNG": animated([soft(64, 64, seed) for seed in range(3)], "PNG"),
    "progressive JPEG": encoded(photograph(200, 150), "JPEG", progressive=True),
}
NONCE = "0123456789abcdef" * 2
EVENT = Event("images", 1, 7, b"k", b"image")


@pytest.mark.parametrize("name", PICTURES)
def test_a_mark_changes_no_pixel_and_every_hash(name: str) -> None:
    """Or a worker that remembers the image would answer it without a look."""
    image, decoder = PICTURES[name], PillowDecoder(SPEC)
    one, other = marked(image, NONCE), marked(image, NONCE[::-1])
    assert len({sha256(each).digest() for each in (image, one, other)}) == 3
    plain, found = decoder.decode(image), decoder.decode(one)
    assert np.array_equal(plain.pixels, found.pixels)
    assert np.array_equal(plain.regions, found.regions)
    assert plain.notes == found.notes


def as_read(record: Record) -> Event:
    return Event(record.topic, 0, 0, record.key, record.value, record.headers)


def canary_event() -> Event:
    record = canary_record("images", "knife.webp/3", b"image", NONCE)
    assert record.key == CANARY_IDS.encode() + b"knife.webp/3"
    assert record.headers == [(CANARY_HEADER, NONCE.encode())]
    return as_read(record)


def test_a_decision_is_known_by_the_nonce_that_it_carries_through() -> None:
    answer = record_of(Decided(canary_event(), decision({"weapons": 0.9}, action="block")), Topics())
    assert reply_in(as_read(answer)) == Reply(NONCE, "c", "block")


@pytest.mark.parametrize("form", [Form.WHOLE, Form.KEYED])
def test_a_dead_letter_is_known_by_the_nonce_and_by_what_it_holds(form: Form) -> None:
    event = canary_event()
    letter = record_of(Failed(event, "e", Failure("decode", "truncated", "E"), form=form), Topics())
    assert reply_in(as_read(letter)) == Reply(NONCE, sha256(event.value or b"").hexdigest(), None)


ODD: list[Any] = [
    Event("decisions", 0, 0, b"k", b"{}", ()),
    Event("decisions", 0, 0, b"k", None, [(CANARY_HEADER, NONCE.encode())]),
    Event("decisions", 0, 0, b"k", b"\xff\x00", [(CANARY_HEADER, b"\xff")]),
    Event("decisions", 0, 0, b"k", json.dumps({"verdict": "block"}).encode(), [(CANARY_HEADER, None)]),
]


@pytest.mark.parametrize("answer", ODD)
def test_what_is_no_answer_to_a_canary_is_passed_over(answer: Event) -> None:
    assert reply_in(answer) is None


def test_a_file_name_that_is_no_text_is_sent_as_it_is() -> None:
    assert canary_record("images", "\udcff.png/0", b"", NONCE).key == CANARY_IDS.encode() + b"\xff.png/0"
