"""Records that many pages ask for at once, read together by one of those who ask."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from pipeline.ports import Records
from pipeline.wire import Event, SourceRef
from workers.console.pictures.gone import NotNowError

SECONDS = 5.0
"""For all that are read together. A page of pictures takes a fraction of it; what is not there by then is told so."""
MOST = 100
"""Records that are read together."""


class Reading:
    """Who comes while nobody reads does so, for all who have asked by then. Safe to share."""

    def __init__(self, open_records: Callable[[], Records]) -> None:
        self._open = open_records
        self._records: Records | None = None
        self._lock, self._turn = Lock(), Lock()
        self._waiting: dict[SourceRef, Future[Event | None]] = {}

    def event(self, place: SourceRef) -> Event | None:
        """The record that stands there; None where there is none any more.

        Raises `NotNowError` where Kafka does not answer in time, and `ServiceError` where it does not at all.
        """
        with self._lock:
            mine = self._waiting.setdefault(place, Future())
        while not mine.done():
            with self._turn:
                if not mine.done():
                    self._read()
        return mine.result()

    @property
    def waiting(self) -> int:
        """Records that are asked for and that nobody reads yet."""
        with self._lock:
            return len(self._waiting)

    def close(self) -> None:
        with self._turn:
            if self._records is not None:
                self._records.close()
                self._records = None

    def _read(self) -> None:
        with self._lock:
            some = {place: self._waiting.pop(place) for place in list(self._waiting)[:MOST]}
        try:
            if self._records is None:
                self._records = self._open()
            found = self._records.at(list(some), SECONDS)
        except Exception as error:  # noqa: BLE001 - whoever waits for it is told
            for each in some.values():
                each.set_exception(error)
            return
        for place, each in some.items():
            if place in found:
                each.set_result(found[place])
            else:
                each.set_exception(NotNowError(f"Kafka has not brought {place} in time; ask again"))
