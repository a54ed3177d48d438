"""Files on disk as a source of events: each is a claim check for itself, redeemed by the fetch stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from threading import Event as Flag
from urllib.parse import quote, unquote_to_bytes, urlsplit

import msgspec

from pipeline.adapters.memory import GivenSource
from pipeline.disk import read_file
from pipeline.disk.read import MOST_BYTES
from pipeline.wire import CLAIM_CONTENT_TYPE, CONTENT_TYPE, Claim, Event

FILES_TOPIC = "files"
"""The topic that a decision on a file names; its offset is the file's index in the list."""

_HEADERS = ((CONTENT_TYPE, CLAIM_CONTENT_TYPE.encode()),)


def file_id(path: str | Path) -> str:
    r"""The image id of a file: its path as text, and bytes of it that are no text written as ``\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class FileSource(GivenSource):
    """A `Source` of the files given, in order; `done` is set once all are committed.

    Paths are taken as they are polled for, so there may be millions. An iterator that takes a while yields None now
    and then: a poll then ends on time with what it has.
    """

    def __init__(self, paths: Iterable[Path | str | None], done: Flag, clock: Callable[[], float]) -> None:
        super().__init__(_events(paths), done, clock)


class FileFetcher:
    """A `Fetcher` of ``file:`` URIs, for files that a person named on the command line."""

    def __init__(self, max_bytes: int = MOST_BYTES) -> None:
        self._max_bytes = max_bytes

    def fetch(self, claim: Claim) -> bytes:
        """Read the file. Raises `ItemError`: FETCH_FAILED when it cannot be read, TOO_LARGE past the limit."""
        return read_file(os.fsdecode(unquote_to_bytes(urlsplit(claim.uri).path)), self._max_bytes)


def _events(paths: Iterable[Path | str | None]) -> Iterator[Event | None]:
    offsets = count()
    for path in paths:
        yield None if path is None else _event(path, next(offsets))


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
