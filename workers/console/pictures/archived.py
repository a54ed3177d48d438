"""Thumbnails out of an archive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.archive.archive import Archive
from pipeline.archive.lookup import events_called, newest_first
from pipeline.rules.times import ALWAYS, Window


def thumbnail_of(archive: Archive, event_id: str, day: str) -> bytes | None:
    """The thumbnail that was kept of an event, decided on that day; None where there is none. Raises `StoreError`."""
    window = window_of_day(day)
    found = events_called(archive, newest_first(archive.segments(window)), {event_id}, ("thumbnail",), window)
    for block, event in found:
        thumbnail: bytes | None = block.column("thumbnail")[event].as_py()
        if thumbnail:
            return thumbnail
    return None


def window_of_day(day: str) -> Window:
    """The day, and an hour on either side for records that were written late; always, for what is no day."""
    try:
        begins = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return ALWAYS
    hour = timedelta(hours=1)
    return Window((begins - hour).timestamp(), (begins + timedelta(days=1) + hour).timestamp())
