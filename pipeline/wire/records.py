"""Answers as Kafka records, whole where the broker takes them and in a smaller form where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import msgspec

from pipeline.wire.answers import Answer, Decided, Failed, Form
from pipeline.wire.decisions import Decision, decision_json
from pipeline.wire.events import Event, short_key
from pipeline.wire.features import FeaturesRecord, archive_record_bytes
from pipeline.wire.names import (
    CLOUD_EVENT_HEADERS,
    CONNECT_PREFIX,
    DEAD_LETTERS_TOPIC,
    DECISION_TYPE,
    DECISIONS_TOPIC,
    EVENT_ID_HEADER,
    FEATURES_TOPIC,
    IMAGE_ID_HEADER,
    LEFT_OUT_HEADER,
    NOTE_HEADER,
    POLICY_SET_HEADER,
    REASON_HEADER,
    TIMESTAMP_HEADER,
    Headers,
    carried,
    listed,
    renamed,
)

_NONE_TAKEN: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Topics:
    decisions: str = DECISIONS_TOPIC
    dead_letters: str = DEAD_LETTERS_TOPIC
    features: str = FEATURES_TOPIC


class Record(msgspec.Struct, frozen=True):
    """A Kafka record that is to be written."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None
    """Where it must go; None: where its key leads, or in turn without one."""


class LeftOut(msgspec.Struct, frozen=True):
    """The value of a dead letter too large for its topic: where the event stands, and how to know it again."""

    topic: str
    partition: int
    offset: int
    bytes: int
    sha256: str


def record_of(answer: Answer, topics: Topics) -> Record:
    """The answer as a record, in its form. A note names what is left out.

    Raises whatever encoding a value of the wrong type raises, of whichever class.
    """
    if isinstance(answer, Decided):
        return _decision_record(answer, topics.decisions)
    return _dead_letter_record(answer, topics.dead_letters)


def features_record_of(answer: Decided, features: FeaturesRecord, topics: Topics) -> Record:
    """What the archive remembers of a decision as a record, under the decision's key.

    Raises whatever encoding a value of the wrong type raises, of whichever class.
    """
    return Record(topics.features, _key(answer.event, answer.decision), archive_record_bytes(features))


def _key(event: Event, decision: Decision) -> bytes:
    return short_key(event.key or decision.image_id.encode())


def _decision_record(answer: Decided, topic: str) -> Record:
    """CloudEvents 1.0 binary mode, with the event's own headers carried through."""
    event, decision = answer.event, answer.decision
    if answer.form < Form.BARE:
        headers, left_out = carried(event.headers, CLOUD_EVENT_HEADERS)
    else:
        headers, left_out = [], [name for name, _ in event.headers]
    notes = [f"headers left out: {listed(left_out)}"] if left_out else []
    key = _key(event, decision)
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


def _dead_letter_record(answer: Failed, topic: str) -> Record:
    """The event's key and value byte for byte as they came, with Kafka Connect's error headers and the typed reason.

    The event's headers come along, renamed where the name is ours. In a smaller form a note names what is left out.
    """
    event, failure, form = answer.event, answer.failure, answer.form
    key, value, headers, left_out = event.key, event.value, renamed(event.headers, _NONE_TAKEN), []
    missing = ""
    if form >= Form.KEYED and key is None:
        missing = "key"
        key, left_out = f"{event.topic}/{event.partition}/{event.offset}".encode(), ["key made up: there was none"]
    if event.unread_headers:
        missing = "headers"
    if form >= Form.BARE and headers:
        left_out.append(f"headers left out: {listed([name for name, _ in event.headers])}")
        headers, missing = [], "headers"
    if form == Form.REFERENCE:
        if event.key and (key := short_key(event.key)) != event.key:
            left_out.append(f"key of {len(event.key):,} bytes hashed")
        value, missing = _reference(event), "value"
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
    said = [(NOTE_HEADER, note.encode("utf-8", "replace")) for note in (*answer.notes, *left_out)]
    ours = [(REASON_HEADER, failure.reason.encode()), (EVENT_ID_HEADER, answer.event_id.encode())]
    more = {
        TIMESTAMP_HEADER: repr(event.timestamp),
        POLICY_SET_HEADER: answer.policy_set,
        LEFT_OUT_HEADER: missing,
        IMAGE_ID_HEADER: "" if event.key or answer.claim is None else answer.image_id,
    }
    extra = [(name, text.encode()) for name, text in more.items() if text]
    return Record(topic, key, value, [*headers, *connect, *ours, *said, *extra])


def _reference(event: Event) -> bytes:
    value = event.value or b""
    where = LeftOut(event.topic, event.partition, event.offset, len(value), sha256(value).hexdigest())
    return msgspec.json.encode(where)
