"""What comes in: a Kafka record that asks for an image to be moderated, and the ids that follow from what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from pipeline.wire.names import CLAIM_CONTENT_TYPE, CONTENT_TYPE, KEY_LIMIT, ORIGIN_HEADER, Headers
from pipeline.wire.nesting import refuses_deep

ID_DIGITS = 32
NO_TIMESTAMP = -1
"""Milliseconds: what Kafka gives for a record that has no timestamp."""
DAY = 86_400.0
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC).timestamp()  # 999,999 us round to the year 10000


@dataclass(frozen=True, slots=True)
class Event:
    """A Kafka record that asks for an image to be moderated.

    ``timestamp`` is in seconds since the epoch as far as its producer kept to Kafka's milliseconds: there are records
    with micro- and nanoseconds, and negative ones. ``topic_id`` tells a topic from one of that name that was deleted
    before it was made, in which the same offsets stand for other records; it is empty where the broker gives none.
    ``unread_headers`` is how many headers the record has, where those are too many to be read; it is 0 otherwise.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: float = 0.0
    topic_id: str = ""
    unread_headers: int = 0

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

    def age(self, now: float) -> float | None:
        """Seconds from the event's timestamp to `now`; None where that is before 1970 or over a day ahead."""
        if self.timestamp < 0 or self.timestamp > now + DAY:
            return None
        return max(0.0, now - self.timestamp)

    def __str__(self) -> str:
        """``topic[partition]@offset``, as errors and logs name an event."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """A claim check: where to fetch an image that is too large for Kafka, and what it must hash to.

    `uri` begins with ``https://``, ``http://``, ``s3://``, ``gs://``, ``az://`` or ``file:///``.
    """

    uri: str
    sha256: str | None = None
    id: str | None = None
    subject: str | None = None
    """Whom the image is of or from, for the archive; a header of the event may say it instead."""


class SourceRef(msgspec.Struct, frozen=True):
    """Where an event stood."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """``topic[partition]@offset``, as an event is named."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Origin(msgspec.Struct, frozen=True):
    """Which event a replay repeats; the timestamp is in seconds, as in `Event`."""

    topic: str
    partition: int
    offset: int
    timestamp: float


ORIGIN_LIMIT = 1000
"""Bytes of an origin's header; a longer one is not ours."""

_decode_origin = refuses_deep(msgspec.json.Decoder(Origin).decode)
_decode_claim = refuses_deep(msgspec.json.Decoder(Claim).decode)


def parse_claim(value: bytes) -> Claim:
    """Read a claim check; raises `msgspec.DecodeError` (a `ValueError`) naming what does not fit."""
    return _decode_claim(value)


def event_id(event: Event, value_sha256: str) -> str:
    """32 hex digits of what the record is: topic, partition, offset, timestamp and the sha256 (hex) of its value.

    A redelivery repeats it, whatever changed meanwhile. A record at the same offset of a topic that was made anew, or
    of another cluster, has another one.

    A replay has the id of the event that it names as its origin. Anybody may name one, so two things bound what that
    gains: the hash is that of the replay's own value, so that nobody has other bytes answered under the id, and the
    origin stands before the replay in the same partition, so that nobody is answered under an id before its event is.
    Elsewhere (in another topic, or one that was made anew) replays have an id that is theirs alone, each the same.
    """
    origin = origin_of(event) if event.headers else None
    if origin is None:
        return _digest(event.topic, str(event.partition), str(event.offset), repr(event.timestamp), value_sha256)
    parts = (origin.topic, str(origin.partition), str(origin.offset), repr(origin.timestamp), value_sha256)
    here = (origin.topic, origin.partition) == (event.topic, event.partition) and origin.offset < event.offset
    return _digest(*parts) if here else _digest("replay", *parts)


def origin_of(event: Event) -> Origin | None:
    """The event that this one says it repeats; None where it says nothing that can be read."""
    said = event.header(ORIGIN_HEADER)
    if said is None or len(said) > ORIGIN_LIMIT:
        return None
    try:
        return _decode_origin(said)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def decision_id(event: str, policy_set: str, fingerprint: str, moment: Sequence[str] = ()) -> str:
    """32 hex digits of the event's id, the policy set's version, the model's fingerprint, and of nothing else.

    But where the same set decides otherwise at another time, because entries of its lists expired or policies were
    held, `moment` says what of that counts: no id has two verdicts.
    """
    return _digest(event, policy_set, fingerprint, *moment)


def image_id(event: Event, claim: Claim | None = None) -> str:
    """The record's key, else the claim's id, each through `short_key`, else where the event stands; never empty."""
    if event.key:
        return short_key(event.key).decode("utf-8", "backslashreplace")
    if claim is not None and claim.id:
        return short_key(claim.id.encode()).decode()
    return f"{event.topic}/{event.partition}/{event.offset}"


def subject_of(event: Event, claim: Claim | None, header: str) -> str | None:
    """Whom the image is of or from: what that header says, else the claim, else None. A long one is hashed."""
    said = event.header(header.lower()) or (claim.subject if claim is not None else None)
    return short_key(said.encode()).decode() if said else None


def short_key(key: bytes) -> bytes:
    """The key, or ``sha256:`` and its hash in hex where it is longer than `KEY_LIMIT` bytes."""
    return key if len(key) <= KEY_LIMIT else b"sha256:" + sha256(key).hexdigest().encode()


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC with milliseconds, clamped to the years 1 to 9999."""
    within = min(max(seconds, _EARLIEST), _LATEST)
    return datetime.fromtimestamp(within, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_notes(event: Event, now: float) -> list[str]:
    """What is wrong with an event's timestamp, in words; nothing where `Event.age` is known."""
    if event.age(now) is not None:
        return []
    milliseconds = round(event.timestamp * 1000)
    if milliseconds == NO_TIMESTAMP:
        return ["event_time: the record has no timestamp"]
    clamped = "clamped: " if not _EARLIEST <= event.timestamp <= _LATEST else ""
    return [f"event_time {clamped}the record's timestamp is {milliseconds}, which is no time in milliseconds"]


def _digest(*parts: str) -> str:
    return sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]
