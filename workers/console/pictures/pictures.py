"""Pictures by where their record stands, small and drawn anew, or a reason why there is none."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack, closing
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock

from pipeline.errors import ItemError, ServiceError, SluiceError
from pipeline.wire import Event, SourceRef, parse_claim
from workers.console.pictures.veil import veiled
from workers.console.reach import Reach
from workers.history.events import Events
from workers.settings import Settings

KEPT_BYTES = 64 * 1024 * 1024
"""Of drawn pictures in memory."""
AT_ONCE = 2
"""Pictures that are fetched and decoded at the same time: a page of them must not take the workers' cores."""
PATIENCE = 20.0
"""Seconds that a picture waits for its turn."""


class GoneError(Exception):
    """There is no picture to show; the message says why, to a person."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which picture: the record that brings it, and its event, by which an archive knows it."""

    place: SourceRef
    event_id: str = ""
    day: str = ""
    """On which the event was decided, as in 2026-03-01; empty where nobody knows."""


class Pictures:
    """Looks in Kafka first, which is one read, and fetches what a claim check there names; then in the archive.

    Only the images topic and the dead letters are read. Safe to call from many threads.
    """

    def __init__(self, reach: Reach, settings: Settings) -> None:
        self._reach = reach
        self._topics = frozenset({settings.images_topic, settings.dead_letters_topic})
        self._ending = ExitStack()
        self._events = self._ending.enter_context(closing(Events(reach.topic)))
        self._reading = Lock()
        self._turns = BoundedSemaphore(AT_ONCE)
        self._kept = _Kept(KEPT_BYTES)

    def clear(self, wanted: Wanted) -> bytes:
        """A WebP of at most 256 pixels either way. Raises `GoneError`."""
        if (kept := self._kept.get(wanted)) is not None:
            return kept
        if not self._turns.acquire(timeout=PATIENCE):
            raise GoneError("too many pictures are asked for at once; ask again")
        try:
            picture = self._drawn(wanted)
        finally:
            self._turns.release()
        self._kept.put(wanted, picture)
        return picture

    def veiled(self, wanted: Wanted) -> bytes:
        """The same as a few grey patches. Raises `GoneError`."""
        return veiled(self.clear(wanted))

    def bytes_of(self, place: SourceRef) -> bytes:
        """The very bytes, for those who decode them in processes of their own. Raises `GoneError`."""
        return self._brought(self.event(place))

    def event(self, place: SourceRef) -> Event:
        """The record that stands there. Raises `GoneError`, and `ServiceError` where Kafka does not answer."""
        if place.topic not in self._topics:
            raise GoneError(f"{place.topic} is no topic of pictures here")
        with self._reading:
            event = self._events.at(place)
        if event is None:
            raise GoneError(f"there is no record at {place} any more")
        return event

    def close(self) -> None:
        with self._reading:
            self._ending.close()

    def _drawn(self, wanted: Wanted) -> bytes:
        why = []
        try:
            return self._reach.decoder.thumbnail(self.bytes_of(wanted.place), 0)
        except ItemError as error:
            why.append(f"it cannot be drawn: {error}")
        except (GoneError, SluiceError) as error:
            why.append(str(error))
        if (kept := self._archived(wanted)) is not None:
            return kept
        if self._reach.archive is not None:
            why.append("the archive has no thumbnail of it")
        raise GoneError("; ".join(why))

    def _brought(self, event: Event) -> bytes:
        if not event.is_claim:
            return event.value or b""
        try:
            return self._reach.fetcher.fetch(parse_claim(event.value or b""))
        except ValueError as error:
            raise GoneError(f"its claim check cannot be read: {error}") from error

    def _archived(self, wanted: Wanted) -> bytes | None:
        if self._reach.archive is None or not wanted.event_id:
            return None
        from workers.console.pictures.archived import thumbnail_of  # noqa: PLC0415 - Parquet's library

        try:
            with self._reach.archive() as archive:
                found = thumbnail_of(archive, wanted.event_id, wanted.day)
        except ServiceError as error:
            raise GoneError(str(error)) from error
        return None if found is None else self._reach.decoder.thumbnail(found, 0)


class _Kept:
    """Pictures by what was wanted, as many as there is room for, the last asked ones. Safe to share."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[Wanted, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, wanted: Wanted) -> bytes | None:
        with self._lock:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
            return self._kept.get(wanted)

    def put(self, wanted: Wanted, picture: bytes) -> None:
        with self._lock:
            if wanted in self._kept:
                return
            self._kept[wanted] = picture
            self._bytes += len(picture)
            while self._bytes > self._most:
                self._bytes -= len(self._kept.popitem(last=False)[1])
