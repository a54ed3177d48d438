"""Pictures by where their record stands, small and drawn anew, or a reason why there is none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock

from pipeline.errors import ItemError, ServiceError, SluiceError
from pipeline.rules.archive.denied import NOBODY, Denied
from pipeline.wire import Claim, Event, SourceRef, parse_claim
from workers.console.pictures.erased import Erasures
from workers.console.pictures.gone import GoneError, NoPictureError, NotNowError, why_none
from workers.console.pictures.reading import Reading
from workers.console.pictures.veil import veiled
from workers.console.reach import Reach
from workers.settings import Settings

KEPT_BYTES = 64 * 1024 * 1024
"""Of drawn pictures in memory."""
THUMBNAIL_BYTES = 16 * 1024 * 1024
"""Of thumbnails that a search of the archive has read already."""
AT_ONCE = 2
"""Pictures that are fetched and decoded at the same time: a page of them must not take the workers' cores."""
PATIENCE = 20.0
"""Seconds that a picture waits for its turn."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which picture: the record that brings it, and its event, by which an archive knows it."""

    place: SourceRef
    event_id: str = ""
    day: str = ""
    """On which the event was decided, as in 2026-03-01; empty where nobody knows."""


class Pictures:
    """Looks in Kafka first, which is one read, and fetches what a claim check there names; then in the archive.

    Only the images topic and the dead letters are read. What is erased from the archive is not shown from anywhere.
    Safe to call from many threads.
    """

    def __init__(self, reach: Reach, settings: Settings) -> None:
        self._reach = reach
        self._topics = frozenset({settings.images_topic, settings.dead_letters_topic})
        self._reading = Reading(reach.records)
        self._turns = BoundedSemaphore(AT_ONCE)
        self._erasures = Erasures(reach, settings.subject_header)
        self._kept = _Kept(KEPT_BYTES)
        self._thumbnails = _Kept(THUMBNAIL_BYTES)

    def clear(self, wanted: Wanted) -> bytes:
        """A WebP of at most 256 pixels either way. Raises `GoneError`."""
        denied = self._erasures.now()
        if (kept := self._kept.get(wanted, denied)) is not None:
            return kept
        picture = self._drawn(wanted, denied)
        self._kept.put(wanted, picture, denied)
        return picture

    def veiled(self, wanted: Wanted) -> bytes:
        """The same as a few grey patches. Raises `GoneError`."""
        return veiled(self.clear(wanted))

    def erased(self) -> Denied:
        """What is erased by now. Raises `GoneError` where the archive does not say."""
        return self._erasures.now()

    def known(self, wanted: Wanted, thumbnail: bytes, denied: Denied) -> None:
        """Draw it from this thumbnail, instead of looking for it, while no more is erased than `denied`."""
        self._thumbnails.get(wanted, self.erased())
        self._thumbnails.put(wanted, thumbnail, denied)

    def bytes_of(self, place: SourceRef) -> bytes:
        """The very bytes, for those who decode them in processes of their own. Raises `GoneError`."""
        return self._brought(self.event(place))

    def event(self, place: SourceRef) -> Event:
        """The record that stands there.

        Raises `GoneError`, also of one that is erased, and `ServiceError` where Kafka does not answer.
        """
        if place.topic not in self._topics:
            raise GoneError(f"{place.topic} is no topic of pictures here")
        event = self._reading.event(place)
        if event is None:
            raise GoneError(f"there is no record at {place} any more")
        self._erasures.refuse(event, _claim(event), event.value or b"")
        return event

    def close(self) -> None:
        self._reading.close()

    def _drawn(self, wanted: Wanted, denied: Denied) -> bytes:
        if (thumbnail := self._thumbnails.get(wanted, denied)) is not None:
            with suppress(ItemError), self._in_turn():
                return self._reach.decoder.thumbnail(thumbnail, 0)
        try:
            event = self.event(wanted.place)
            with self._in_turn():
                return self._reach.decoder.thumbnail(self._brought(event), 0)
        except (GoneError, SluiceError) as error:
            why = why_none(error)
        if (kept := self._archived(wanted)) is not None:
            return kept
        raise why if self._reach.archive is None else type(why)(f"{why}; the archive has no thumbnail of it")

    def _brought(self, event: Event) -> bytes:
        if not event.is_claim:
            return event.value or b""
        if (claim := _claim(event)) is None:
            raise NoPictureError("its claim check cannot be read")
        content = self._reach.fetcher.fetch(claim)
        self._erasures.refuse(event, claim, content)
        return content

    def _archived(self, wanted: Wanted) -> bytes | None:
        if self._reach.archive is None or not wanted.event_id:
            return None
        from workers.console.pictures.archived import thumbnail_of  # noqa: PLC0415 - Parquet's library

        try:
            with self._in_turn(), self._reach.archive() as archive:
                found = thumbnail_of(archive, wanted.event_id, wanted.day)
                return None if found is None else self._reach.decoder.thumbnail(found, 0)
        except (ServiceError, ItemError) as error:
            raise why_none(error) from error

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Decoding, and what is fetched for it. Raises `NotNowError` where more is asked for than is done."""
        if not self._turns.acquire(timeout=PATIENCE):
            raise NotNowError("too many pictures are asked for at once; ask again")
        try:
            yield
        finally:
            self._turns.release()


def _claim(event: Event) -> Claim | None:
    """None for an event that brings its image, and for one whose claim check cannot be read."""
    try:
        return parse_claim(event.value or b"") if event.is_claim else None
    except ValueError:
        return None


class _Kept:
    """Pictures by what was wanted, as many as there is room for, the last asked ones. Safe to share.

    None of them outlives an erasure: it might be the one that is erased.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[Wanted, bytes] = OrderedDict()
        self._bytes = 0
        self._denied = NOBODY

    def get(self, wanted: Wanted, denied: Denied) -> bytes | None:
        with self._lock:
            if denied != self._denied:
                self._kept.clear()
                self._bytes, self._denied = 0, denied
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
            return self._kept.get(wanted)

    def put(self, wanted: Wanted, picture: bytes, denied: Denied) -> None:
        """Keep it, unless it was drawn by another list of who is erased than counts by now."""
        with self._lock:
            if wanted in self._kept or denied != self._denied:
                return
            self._kept[wanted] = picture
            self._bytes += len(picture)
            while self._bytes > self._most:
                self._bytes -= len(self._kept.popitem(last=False)[1])
