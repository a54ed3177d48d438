"""Records as they stand on the wire: what comes in, what goes out, and the names of topics and headers.

The JSON Schemas in ``pipeline/schemas`` describe the same bytes; the tests hold each against the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

import msgspec

IMAGES_TOPIC = "sluice.images.v1"
DECISIONS_TOPIC = "sluice.decisions.v1"
DEAD_LETTERS_TOPIC = "sluice.dlq.v1"

DECISION_SCHEMA = "sluice.decision.v1"
DECISION_TYPE = "dev.sluice.decision.v1"

CONTENT_TYPE = "content-type"
CLAIM_CONTENT_TYPE = "application/json"
REASON_HEADER = "sluice.reason"
CONNECT_PREFIX = "__connect.errors."
EVENT_PREFIX = "sluice.event."
"""Put before an event's header whose name the decision needs for itself (its own ``ce_id``, say)."""

Action = Literal["label", "review", "block"]
Verdict = Literal["allow", "label", "review", "block"]
SEVERITY: Mapping[str, int] = {"allow": 0, "label": 1, "review": 2, "block": 3}

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Event:
    """A Kafka record that asks for an image to be moderated. ``timestamp`` is in seconds since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: float = 0.0

    def header(self, name: str) -> str | None:
        """The last header of that name as text (undecodable bytes escaped), or None."""
        for key, value in reversed(self.headers):
            if key.lower() == name:
                return (value or b"").decode("utf-8", "backslashreplace")
        return None

    @property
    def is_claim(self) -> bool:
        """Whether the value is a claim check instead of the image's own bytes."""
        content_type = self.header(CONTENT_TYPE)
        return content_type is not None and content_type.partition(";")[0].strip().lower() == CLAIM_CONTENT_TYPE

    def __str__(self) -> str:
        """``topic[partition]@offset``, as errors and logs name an event."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be published."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """A claim check: where to fetch an image that is too large for Kafka, and what it must hash to."""

    uri: str
    sha256: str | None = None
    id: str | None = None


class SourceRef(msgspec.Struct, frozen=True):
    """Where an event stood."""

    topic: str
    partition: int
    offset: int


class ModelRef(msgspec.Struct, frozen=True):
    """Which model scored: ``fingerprint`` hashes its architecture, tokenizer and weights."""

    name: str
    fingerprint: str
    dtype: str


class Match(msgspec.Struct, frozen=True):
    """A policy whose score reached a threshold; ``action`` is the severest one reached."""

    policy: str
    version: str
    action: Action
    score: float
    threshold: float
    prompt: str
    prompt_score: float


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one event; times are RFC 3339 in UTC, scores are probabilities."""

    schema: str = DECISION_SCHEMA
    decision_id: str
    image_id: str
    content_sha256: str
    source: SourceRef
    verdict: Verdict
    matches: list[Match] = msgspec.field(default_factory=list)
    shadow: list[Match] = msgspec.field(default_factory=list)
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    policy_set: str
    model: ModelRef
    preprocess: str
    frames: int
    event_time: str
    decided_at: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no decision: the stage that gave up, the typed reason, and the error's own words."""

    stage: str
    reason: str
    exception: str
    message: str = field(default="")


_encode = msgspec.json.Encoder().encode
_decode_decision = msgspec.json.Decoder(Decision).decode
_decode_claim = msgspec.json.Decoder(Claim).decode


def parse_claim(value: bytes) -> Claim:
    """Read a claim check; raises `msgspec.DecodeError` (a `ValueError`) naming what does not fit."""
    return _decode_claim(value)


def parse_decision(value: bytes) -> Decision:
    """Read a decision back from its bytes; raises `msgspec.DecodeError` naming what does not fit."""
    return _decode_decision(value)


def decision_json(decision: Decision) -> bytes:
    """The decision as one line of JSON, without a line end."""
    return _encode(decision)


def decision_id(source: SourceRef, policy_set: str, fingerprint: str) -> str:
    """32 hex digits that depend on nothing but the event's place, the policy set and the model.

    A redelivery therefore repeats an id, and a consumer drops repeats by it.
    """
    parts = (source.topic, str(source.partition), str(source.offset), policy_set, fingerprint)
    return sha256("\x00".join(parts).encode()).hexdigest()[:32]


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def image_id(event: Event, claim: Claim | None = None) -> str:
    """The record's key, else the claim's id, else the event's place: never empty, always text."""
    if event.key:
        return event.key.decode("utf-8", "backslashreplace")
    if claim is not None and claim.id:
        return claim.id
    return f"{event.topic}/{event.partition}/{event.offset}"


def decision_record(event: Event, decision: Decision, topic: str) -> Record:
    """The decision as a record: CloudEvents 1.0 binary mode, with the event's own headers carried through."""
    own: list[tuple[str, bytes]] = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", decision.decision_id.encode()),
        ("ce_type", DECISION_TYPE.encode()),
        ("ce_source", f"/sluice/{decision.source.topic}/{decision.source.partition}".encode()),
        ("ce_subject", decision.image_id.encode()),
        ("ce_time", decision.decided_at.encode()),
    ]
    taken = {name for name, _ in own}
    carried = [(EVENT_PREFIX + name if name.lower() in taken else name, value) for name, value in event.headers]
    key = event.key or decision.image_id.encode()
    return Record(topic, key, decision_json(decision), [*own, *carried])


def dead_letter_record(event: Event, failure: Failure, topic: str) -> Record:
    """The event byte for byte as it came, with Kafka Connect's error headers and the typed reason."""
    why = {
        "topic": event.topic,
        "partition": str(event.partition),
        "offset": str(event.offset),
        "stage": failure.stage,
        "exception.class.name": failure.exception,
        "exception.message": failure.message,
    }
    connect = [(CONNECT_PREFIX + name, value.encode("utf-8", "replace")) for name, value in why.items()]
    reason = (REASON_HEADER, failure.reason.encode())
    return Record(topic, event.key, event.value, [*event.headers, *connect, reason])
