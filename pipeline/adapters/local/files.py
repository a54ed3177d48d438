"""Files on disk as a source of events: each is a claim check for itself, redeemed by the fetch stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event as Flag
from urllib.parse import quote, unquote_to_bytes, urlsplit

import msgspec

from pipeline.disk import read_file
from pipeline.disk.read import MOST_BYTES
from pipeline.items import Batch, Item
from pipeline.wire import CLAIM_CONTENT_TYPE, CONTENT_TYPE, Claim, Event

FILES_TOPIC = "files"
"""The topic that a decision on a file names; its offset is the file's index in the list."""

_HEADERS = ((CONTENT_TYPE, CLAIM_CONTENT_TYPE.encode()),)
_PAUSE = 0.01
"""Seconds at most that a poll looks for paths, or waits when there are none left: a finished batch waits no longer
for its commit."""


def file_id(path: str | Path) -> str:
    r"""The image id of a file: its path as text, and bytes of it that are no text written as ``\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class FileSource:
    """A `Source` of the files given, in order; `done` is set once all are committed.

    Paths are taken as they are polled for, so there may be millions. An iterator that takes a while yields None now
    and then: a poll then ends on time with what it has.
    """

    def __init__(self, paths: Iterable[Path | str | None], done: Flag, clock: Callable[[], float]) -> None:
        self._paths = iter(paths)
        self._done = done
        self._clock = clock
        self._polled = self._committed = 0
        self._paused = self._exhausted = False

    def poll(self, timeout: float, most: int) -> Batch | None:
        """The next files, without waiting to bring `most`; None, after a short wait, while the last are under way."""
        events = [] if self._paused or self._exhausted else self._take(most)
        self._finish()
        if not events:
            if self._paused or self._exhausted:
                self._done.wait(min(timeout, _PAUSE))
            return None
        return Batch([Item(event) for event in events], polled_at=self._clock())

    def _take(self, most: int) -> list[Event]:
        events: list[Event] = []
        until = self._clock() + _PAUSE
        for path in self._paths:
            if path is not None:
                events.append(_event(path, self._polled))
                self._polled += 1
            if len(events) == most or self._clock() >= until:
                return events
        self._exhausted = True
        return events

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self, batch: Batch) -> None:
        self._committed += len(batch)
        self._finish()

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Does nothing: no file is ever given to somebody else."""

    def close(self) -> None:
        """Nothing to free."""

    def _finish(self) -> None:
        if self._exhausted and self._committed == self._polled:
            self._done.set()


class FileFetcher:
    """A `Fetcher` of ``file:`` URIs, for files that a person named on the command line."""

    def __init__(self, max_bytes: int = MOST_BYTES) -> None:
        self._max_bytes = max_bytes

    def fetch(self, claim: Claim) -> bytes:
        """Read the file. Raises `ItemError`: FETCH_FAILED when it cannot be read, TOO_LARGE past the limit."""
        return read_file(os.fsdecode(unquote_to_bytes(urlsplit(claim.uri).path)), self._max_bytes)


def _event(path: Path | str, offset: int) -> Event:
    # Not resolved: /dev/fd/63 names a pipe only as it stands, and where a link leads is not what was asked.
    claim = Claim(uri=f"file://{quote(os.fsencode(Path(path).absolute()))}", id=file_id(path))
    return Event(FILES_TOPIC, 0, offset, os.fsencode(path), msgspec.json.encode(claim), _HEADERS, _modified(path))


def _modified(path: Path | str) -> float:
    """Seconds since the epoch; 0 where the file is not there any more."""
    try:
        return Path(path).stat().st_mtime
    except (OSError, ValueError):
        return 0.0
