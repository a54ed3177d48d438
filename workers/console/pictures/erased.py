"""Who is erased from the archive: Kafka and a claim's host may have their pictures still, and they are not shown."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from threading import Lock
from time import monotonic

from pipeline.errors import ServiceError
from pipeline.rules.archive.denied import NOBODY, Denied, Kind
from pipeline.wire import Claim, Event, image_id, subject_of
from workers.console.pictures.gone import ErasedError, NotNowError
from workers.console.reach import Reach

FRESH = 1.0
"""Seconds for which a list that was read is believed: a page asks for many pictures at once."""
ERASED = "it was erased"


class Erasures:
    """The archive's deny list, read again after `FRESH` seconds. Safe to call from many threads."""

    def __init__(self, reach: Reach, subject_header: str, clock: Callable[[], float] = monotonic) -> None:
        self._archive = reach.archive
        self._subject_header = subject_header
        self._clock = clock
        self._lock = Lock()
        self._denied, self._until = NOBODY, 0.0

    def now(self) -> Denied:
        """All that is erased. Raises `NotNowError` where the archive does not say: then nothing may be shown."""
        if self._archive is None:
            return NOBODY
        with self._lock:
            if self._clock() >= self._until:
                try:
                    with self._archive() as archive:
                        self._denied = archive.deny_list.load()
                except ServiceError as error:
                    raise NotNowError(f"the archive does not say who is erased: {error}") from error
                self._until = self._clock() + FRESH
            return self._denied

    def refuse(self, event: Event, claim: Claim | None, content: bytes) -> None:
        """Raises `ErasedError` where the image, its content or its subject is erased."""
        if not (denied := self.now()):
            return
        subject = subject_of(event, claim, self._subject_header)
        if (
            denied.means(Kind.IMAGE, image_id(event, claim))
            or denied.means(Kind.SUBJECT, subject)
            or denied.means(Kind.SHA256, sha256(content).hexdigest())
        ):
            raise ErasedError(ERASED)
