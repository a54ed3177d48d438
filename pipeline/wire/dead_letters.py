"""A dead letter as it is read and printed, from a record of its topic or from the answer itself."""

from __future__ import annotations

import msgspec

from pipeline.wire.answers import Failed
from pipeline.wire.events import Event
from pipeline.wire.names import CONNECT_PREFIX, DEAD_LETTER_SCHEMA, EVENT_ID_HEADER, NOTE_HEADER, REASON_HEADER
from pipeline.wire.records import Record


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What a dead letter says of itself, and what ``--json`` prints of it."""

    schema: str = DEAD_LETTER_SCHEMA
    event_id: str
    image_id: str
    stage: str
    reason: str
    message: str
    notes: list[str] = msgspec.field(default_factory=list)


_encode = msgspec.json.Encoder().encode


def dead_letter_json(letter: DeadLetter) -> bytes:
    """The dead letter as one line of JSON, without a line end."""
    return _encode(letter)


def dead_letter(answer: Failed) -> DeadLetter:
    """The dead letter that `read_dead_letter` gives for the answer's record in form `WHOLE`."""
    failure = answer.failure
    return DeadLetter(
        event_id=answer.event_id,
        image_id=_image_id(answer.event.key),
        stage=failure.stage,
        reason=failure.reason,
        message=_written(failure.message),
        notes=[_written(note) for note in answer.notes],
    )


def read_dead_letter(record: Record | Event) -> DeadLetter:
    """What a record of the dead-letter topic says of itself; what it does not say is empty."""
    said = [(name, (value or b"").decode("utf-8", "replace")) for name, value in record.headers]
    headers = dict(said)
    return DeadLetter(
        event_id=headers.get(EVENT_ID_HEADER, ""),
        image_id=_image_id(record.key),
        stage=headers.get(f"{CONNECT_PREFIX}stage", ""),
        reason=headers.get(REASON_HEADER, ""),
        message=headers.get(f"{CONNECT_PREFIX}exception.message", ""),
        notes=[text for name, text in said if name == NOTE_HEADER],
    )


def _image_id(key: bytes | None) -> str:
    return (key or b"").decode("utf-8", "backslashreplace")


def _written(text: str) -> str:
    """The text as a header brings it back: a lone surrogate, as in the name of a file, cannot be written."""
    return text.encode("utf-8", "replace").decode()
