"""A dead letter's event, sent again: what it was, and how it says which event it repeats."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from pipeline.wire.events import NO_TIMESTAMP, Event, Origin, SourceRef, event_id, origin_of
from pipeline.wire.names import (
    EVENT_ID_HEADER,
    LEFT_OUT_HEADER,
    ORIGIN_HEADER,
    REPLAYS_HEADER,
    TIMESTAMP_HEADER,
    Headers,
    restored,
)
from pipeline.wire.records import Record

MOST_REPLAYS = 3
"""An event that failed again after as many replays is not replayed: it fails for reasons of its own."""
_DIGITS = 19
_KEY_MADE_UP = "key"
_OURS = frozenset((ORIGIN_HEADER, REPLAYS_HEADER))


def event_of(letter: Event, source: SourceRef) -> Event:
    """The event that stood at `source`, out of its dead letter's record; `is_whole` says whether that is all."""
    key = None if letter.header(LEFT_OUT_HEADER) == _KEY_MADE_UP else letter.key
    timestamp = _seconds(letter.header(TIMESTAMP_HEADER))
    headers = restored(letter.headers)
    return Event(source.topic, source.partition, source.offset, key, letter.value, headers, timestamp)


def is_whole(letter: Event) -> bool:
    """Whether a dead letter's record still has its event's value and headers."""
    return letter.header(LEFT_OUT_HEADER) in {None, _KEY_MADE_UP}


def is_event_of(letter: Event, event: Event) -> bool:
    """Whether `event` is the one that the dead letter is about, by the id that follows from what it is."""
    return event_id(event, sha256(event.value or b"").hexdigest()) == letter.header(EVENT_ID_HEADER)


def replay_of(event: Event, to: str | None = None) -> Record:
    """The event once more: the same key, value and headers, with its origin, which stays the first, and a count.

    It goes back to its own partition, where it had been put by whatever partitioner its producer has; `to` another
    topic, it goes where its key leads.
    """
    origin = origin_of(event) or Origin(event.topic, event.partition, event.offset, event.timestamp)
    headers = [(name, value) for name, value in event.headers if name.lower() not in _OURS]
    headers.append((ORIGIN_HEADER, msgspec.json.encode(origin)))
    headers.append((REPLAYS_HEADER, str(replays_of(event.headers) + 1).encode()))
    return Record(to or event.topic, event.key, event.value, headers, None if to else event.partition)


def replays_of(headers: Headers) -> int:
    """How many times an event with these headers has been replayed; 0 where they do not say."""
    said = [value for name, value in headers if name.lower() == REPLAYS_HEADER]
    return (number((said[-1] or b"").decode("utf-8", "replace")) or 0) if said else 0


def number(text: str | None) -> int | None:
    """A whole number as we write it into a header; None for anything else."""
    return int(text) if text and len(text) <= _DIGITS and text.isascii() and text.isdigit() else None


def _seconds(text: str | None) -> float:
    """A timestamp as we write it into a header, else that of a record without one."""
    try:
        seconds = float(text or "")
    except ValueError:
        return NO_TIMESTAMP / 1000
    return seconds if repr(seconds) == text else NO_TIMESTAMP / 1000
