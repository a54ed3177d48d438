"""Answers as Kafka records, whole where the broker takes them and in a smaller form where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

import msgspec

from pipeline.wire.decisions import Decision, decision_json
from pipeline.wire.events import Event, short_key
from pipeline.wire.names import (
    CONNECT_PREFIX,
    DEAD_LETTER_SCHEMA,
    DECISION_TYPE,
    EVENT_ID_HEADER,
    LEFT_OUT_HEADER,
    NOTE_HEADER,
    REASON_HEADER,
    Headers,
    carried,
    listed,
    renamed,
)

_CE_NAMES = frozenset(
    ("content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time")
)  # of every decision
_NONE_TAKEN: frozenset[str] = frozenset()


class Form(IntEnum):
    """How much of an event its answer brings along; each is smaller than the one before."""

    WHOLE = 0
    KEYED = 1
    """As `WHOLE`, with a key where the event has none: a compacted topic takes nothing without."""
    BARE = 2
    """Without the event's headers."""
    REFERENCE = 3
    """The event's value is replaced by where it stands; a decision, which has none of it, stays `BARE`."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be published."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no decision: the stage that gave up, the typed reason, and the error's own words."""

    stage: str
    reason: str
    exception: str
    message: str = field(default="")
    passing: bool = False
    """Whether it was something outside that was away, and not the item."""


class LeftOut(msgspec.Struct, frozen=True):
    """The value of a dead letter too large for its topic: where the event stands, and how to know it again."""

    topic: str
    partition: int
    offset: int
    bytes: int
    sha256: str


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter as ``--json`` prints it."""

    schema: str = DEAD_LETTER_SCHEMA
    event_id: str
    image_id: str
    stage: str
    reason: str
    message: str
    notes: list[str] = msgspec.field(default_factory=list)


def decision_record(event: Event, decision: Decision, topic: str, form: Form = Form.WHOLE) -> Record:
    """The decision as a record: CloudEvents 1.0 binary mode, with the event's own headers carried through."""
    headers, left_out = carried(event.headers, _CE_NAMES) if form < Form.BARE else ([], [n for n, _ in event.headers])
    notes = [f"headers left out: {listed(left_out)}"] if left_out else []
    key = short_key(event.key or decision.image_id.encode())
    if event.key and key != event.key:
        notes.append(f"key of {len(event.key):,} bytes hashed")
    if notes:
        decision = msgspec.structs.replace(decision, notes=[*decision.notes, *notes])
    own: list[tuple[str, bytes | None]] = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", decision.decision_id.encode()),
        ("ce_type", DECISION_TYPE.encode()),
        ("ce_source", f"/sluice/{decision.source.topic}/{decision.source.partition}".encode()),
        ("ce_subject", decision.image_id.encode()),
        ("ce_time", decision.decided_at.encode()),
    ]
    return Record(topic, key, decision_json(decision), own + headers)


def dead_letter_record(
    event: Event,
    event_id: str,
    failure: Failure,
    topic: str,
    notes: Sequence[str] = (),
    form: Form = Form.WHOLE,
) -> Record:
    """The event byte for byte as it came, with Kafka Connect's error headers and the typed reason.

    Only headers whose names are ours are renamed. In a smaller `form`, what is left out is named in a note.
    """
    key, value, headers, left_out = event.key, event.value, renamed(event.headers, _NONE_TAKEN), []
    if form >= Form.KEYED and key is None:
        key, left_out = f"{event.topic}/{event.partition}/{event.offset}".encode(), ["key made up: there was none"]
    if form >= Form.BARE and headers:
        left_out.append(f"headers left out: {listed([name for name, _ in event.headers])}")
        headers = []
    extra: list[tuple[str, bytes | None]] = []
    if form == Form.REFERENCE:
        if event.key and (key := short_key(event.key)) != event.key:
            left_out.append(f"key of {len(event.key):,} bytes hashed")
        value, extra = _reference(event), [(LEFT_OUT_HEADER, b"value")]
        left_out.append("value left out: it stands in the images topic")
    why = {
        "topic": event.topic,
        "partition": str(event.partition),
        "offset": str(event.offset),
        "stage": failure.stage,
        "exception.class.name": failure.exception,
        "exception.message": failure.message,
    }
    connect = [(CONNECT_PREFIX + name, text.encode("utf-8", "replace")) for name, text in why.items()]
    said = [(NOTE_HEADER, note.encode("utf-8", "replace")) for note in (*notes, *left_out)]
    ours = [(REASON_HEADER, failure.reason.encode()), (EVENT_ID_HEADER, event_id.encode())]
    return Record(topic, key, value, [*headers, *connect, *ours, *said, *extra])


def read_dead_letter(record: Record) -> DeadLetter:
    """What a record of the dead-letter topic says of itself; what it does not say is empty."""
    said = [(name, (value or b"").decode("utf-8", "replace")) for name, value in record.headers]
    headers = dict(said)
    return DeadLetter(
        event_id=headers.get(EVENT_ID_HEADER, ""),
        image_id=(record.key or b"").decode("utf-8", "backslashreplace"),
        stage=headers.get(f"{CONNECT_PREFIX}stage", ""),
        reason=headers.get(REASON_HEADER, ""),
        message=headers.get(f"{CONNECT_PREFIX}exception.message", ""),
        notes=[text for name, text in said if name == NOTE_HEADER],
    )


def _reference(event: Event) -> bytes:
    value = event.value or b""
    where = LeftOut(event.topic, event.partition, event.offset, len(value), sha256(value).hexdigest())
    return msgspec.json.encode(where)
