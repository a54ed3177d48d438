"""A dead letter as it is read and printed, from a record of its topic or from the answer itself."""

from __future__ import annotations

import msgspec

from pipeline.wire.answers import Failed
from pipeline.wire.events import Event, SourceRef, image_id, rfc3339
from pipeline.wire.names import (
    CONNECT_PREFIX,
    DEAD_LETTER_SCHEMA,
    EVENT_ID_HEADER,
    IMAGE_ID_HEADER,
    LEFT_OUT_HEADER,
    NOTE_HEADER,
    POLICY_SET_HEADER,
    REASON_HEADER,
    restored,
)
from pipeline.wire.records import Record
from pipeline.wire.replays import number, replays_of


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What a dead letter says of itself, and what ``--json`` prints of it.

    ``source`` is where its event stood; ``stored`` and ``time`` (RFC 3339) are where and when it was written itself,
    which only a record that was read back knows.
    """

    schema: str = DEAD_LETTER_SCHEMA
    event_id: str
    image_id: str
    stage: str
    reason: str
    message: str
    notes: list[str] = msgspec.field(default_factory=list)
    source: SourceRef | None = None
    time: str | None = None
    stored: SourceRef | None = None
    policy_set: str = ""
    replays: int = 0
    """How many times its event had been replayed before it failed again."""
    left_out: str = ""
    """How much of the event is missing, as in the header of that name; empty where nothing is."""
    bytes: int = 0
    """Of its value."""

    @property
    def foreign(self) -> bool:
        """Whether it is none of ours: nothing is known then of the event but what Kafka Connect's headers tell."""
        return not (self.reason and self.event_id)


_encode = msgspec.json.Encoder().encode


def dead_letter_json(letter: DeadLetter) -> bytes:
    """The dead letter as one line of JSON, without a line end."""
    return _encode(letter)


def dead_letter(answer: Failed) -> DeadLetter:
    """The dead letter that `read_dead_letter` gives for the answer's record in form `WHOLE`."""
    failure, event = answer.failure, answer.event
    return DeadLetter(
        event_id=answer.event_id,
        image_id=answer.image_id,
        stage=failure.stage,
        reason=failure.reason,
        message=_written(failure.message),
        notes=[_written(note) for note in answer.notes],
        source=SourceRef(event.topic, event.partition, event.offset),
        policy_set=answer.policy_set,
        replays=replays_of(event.headers),
        left_out="headers" if event.unread_headers else "",
        bytes=len(event.value or b""),
    )


def read_dead_letter(record: Record | Event) -> DeadLetter:
    """What a record of the dead-letter topic says of itself; what it does not say, or says wrongly, is empty.

    It takes whatever stands there: others may write to the topic too.
    """
    said = [(name, (value or b"").decode("utf-8", "replace")) for name, value in record.headers]
    headers = dict(said)
    source = _source(headers)
    stored = SourceRef(record.topic, record.partition, record.offset) if isinstance(record, Event) else None
    return DeadLetter(
        event_id=headers.get(EVENT_ID_HEADER, ""),
        image_id=headers.get(IMAGE_ID_HEADER) or _image_id(record.key, source),
        stage=headers.get(f"{CONNECT_PREFIX}stage", ""),
        reason=headers.get(REASON_HEADER, ""),
        message=headers.get(f"{CONNECT_PREFIX}exception.message", ""),
        notes=[text for name, text in said if name == NOTE_HEADER],
        source=source,
        time=rfc3339(record.timestamp) if isinstance(record, Event) else None,
        stored=stored,
        policy_set=headers.get(POLICY_SET_HEADER, ""),
        replays=replays_of(restored(record.headers)),
        left_out=headers.get(LEFT_OUT_HEADER, ""),
        bytes=len(record.value or b""),
    )


def _source(headers: dict[str, str]) -> SourceRef | None:
    topic = headers.get(f"{CONNECT_PREFIX}topic")
    partition = number(headers.get(f"{CONNECT_PREFIX}partition"))
    offset = number(headers.get(f"{CONNECT_PREFIX}offset"))
    return SourceRef(topic, partition, offset) if topic and partition is not None and offset is not None else None


def _image_id(key: bytes | None, source: SourceRef | None) -> str:
    """What `Failed.image_id` was, where no claim check told it; empty for a record without a key that is not ours."""
    at = source or SourceRef("", 0, 0)
    return image_id(Event(at.topic, at.partition, at.offset, key, None)) if source or key else ""


def _written(text: str) -> str:
    """The text as a header brings it back: a lone surrogate, as in the name of a file, cannot be written."""
    return text.encode("utf-8", "replace").decode()
