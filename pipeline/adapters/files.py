"""Files on disk as a source of events: each is a claim check for itself, redeemed by the fetch stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event as Flag
from urllib.parse import unquote, urlsplit

import msgspec

from pipeline.errors import ItemError, Reason
from pipeline.items import Batch, Item
from pipeline.wire import CLAIM_CONTENT_TYPE, CONTENT_TYPE, Claim, Event

FILES_TOPIC = "files"
"""Stands where a decision names its topic; the offset is the file's place in the list."""

_HEADERS = ((CONTENT_TYPE, CLAIM_CONTENT_TYPE.encode()),)


_PAUSE = 0.01
"""Seconds that a finished batch may wait for its commit, when there is nothing left to poll."""


class FileSource:
    """A `Source` of the files given, in order; `done` is set once all are committed."""

    def __init__(self, paths: Sequence[Path], max_poll: int, done: Flag, clock: Callable[[], float]) -> None:
        self._events = [_event(path, offset) for offset, path in enumerate(paths)]
        self._max_poll = max_poll
        self._done = done
        self._clock = clock
        self._next = self._committed = 0
        self._paused = False
        self._finish()

    def poll(self, timeout: float, most: int | None = None) -> Batch | None:
        """The next files; never waits for more than there are, and not for long while the last are under way."""
        most = min(self._max_poll, most or self._max_poll)
        events = [] if self._paused else self._events[self._next : self._next + most]
        self._next += len(events)
        if not events:
            self._done.wait(min(timeout, _PAUSE))
            return None
        return Batch([Item(event) for event in events], polled_at=self._clock())

    def pause(self) -> None:
        """Bring nothing until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False

    def commit(self, batch: Batch) -> None:
        """Count the batch as done."""
        self._committed += len(batch)
        self._finish()

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Nothing is ever taken away."""

    def close(self) -> None:
        """Nothing is held."""

    def _finish(self) -> None:
        if self._committed == len(self._events):
            self._done.set()


class FileFetcher:
    """A `Fetcher` of ``file:`` URIs, for files that a person named on the command line."""

    def fetch(self, claim: Claim) -> bytes:
        """Read the file. Raises `ItemError` (FETCH_FAILED) when it cannot be read."""
        try:
            return Path(unquote(urlsplit(claim.uri).path)).read_bytes()
        except OSError as error:
            raise ItemError(Reason.FETCH_FAILED, f"cannot be read: {error.strerror}") from error


def _event(path: Path, offset: int) -> Event:
    claim = Claim(uri=path.resolve().as_uri(), id=str(path))
    modified = path.stat().st_mtime if path.exists() else 0.0
    return Event(FILES_TOPIC, 0, offset, str(path).encode(), msgspec.json.encode(claim), _HEADERS, modified)
