"""Claim checks in folders: from below allowed ones alone, and from files alone, whatever a path leads through."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.bounded import within
from pipeline.errors import ItemError, Reason, RetryError
from pipeline.rules.claims import Location, allowed, checked, located, refused, too_large
from pipeline.wire import Claim

_THE_FILES_OWN = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EISDIR})
"""What says something of one file. All others (EIO, ESTALE) are the folder's or the machine's, and may pass."""
_MOST_AT_ONCE = 64
"""Reads of one folder under way, those among them that hang for good: a mount that is gone ends none."""
_CHUNK = 1 << 20
_WALK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
"""O_PATH asks for no right to list a folder; Linux has it."""


class FolderFetcher:
    """A `Fetcher` for ``file:///``; safe to call from many threads at once. Folders may be mounts that go away.

    A symbolic link may lead to another place below the same folder, and nowhere else. Pipes, sockets and devices are
    refused without waiting for what they have to say. `timeout` (seconds) bounds a fetch as a whole.
    """

    def __init__(self, folders: Sequence[Location], *, max_bytes: int = 50_000_000, timeout: float = 10.0) -> None:
        self._folders = tuple(folders)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._reading = dict.fromkeys(self._folders, 0)
        self._lock = threading.Lock()

    def fetch(self, claim: Claim) -> bytes:
        """The image's bytes; blocks for `timeout` at most, and raises what `Fetcher` says."""
        location = located(claim.uri)
        folder = allowed(location, self._folders)
        inside = location.segments[len(folder.segments) :]
        if self._reading[folder] >= _MOST_AT_ONCE:
            raise RetryError(Reason.FETCH_FAILED, f"{folder} cannot be read from: earlier reads have not come back")
        try:
            image = within(self._timeout, lambda: self._read(folder, inside))
        except TimeoutError as error:
            raise RetryError(Reason.FETCH_FAILED, f"{folder} cannot be read from: {error}") from error
        return checked(image, claim, str(folder))

    def close(self) -> None:
        """Nothing to do: no file stays open."""

    def _read(self, folder: Location, inside: Sequence[str]) -> bytes:
        with self._counted(folder):
            try:
                return self._contents(folder, inside)
            except OSError as error:
                raise _judged(error, folder) from error

    @contextmanager
    def _counted(self, folder: Location) -> Iterator[None]:
        with self._lock:
            self._reading[folder] += 1
        try:
            yield
        finally:
            with self._lock:
                self._reading[folder] -= 1

    def _contents(self, folder: Location, inside: Sequence[str]) -> bytes:
        root = Path(os.path.realpath(Path("/", *folder.segments), strict=True))
        found = Path(os.path.realpath(root.joinpath(*inside), strict=True))
        if not found.is_relative_to(root) or found == root:
            raise refused(f"a link leads out of {folder}")
        descriptor = _opened(root, found.relative_to(root).parts, folder)
        try:
            return self._bytes_of(descriptor, folder)
        finally:
            os.close(descriptor)

    def _bytes_of(self, descriptor: int, folder: Location) -> bytes:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refused(f"what the claim names below {folder} is no file")
        if status.st_size > self._max_bytes:
            raise too_large(str(folder), self._max_bytes)
        image = bytearray()
        while chunk := os.read(descriptor, _CHUNK):  # it may grow meanwhile, or have had no size
            image += chunk
            if len(image) > self._max_bytes:
                raise too_large(str(folder), self._max_bytes)
        return bytes(image)


def _opened(root: Path, parts: Sequence[str], folder: Location) -> int:
    """A descriptor of the file, gone to step by step: a part that has become a link meanwhile is refused."""
    at = os.open(root, _WALK)
    try:
        for part in parts[:-1]:
            below = os.open(part, _WALK | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=at, follow_symlinks=False).st_mode):
            raise refused(f"what the claim names below {folder} is no file")
        return os.open(parts[-1], os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY, dir_fd=at)
    finally:
        os.close(at)


def _judged(error: OSError, folder: Location) -> ItemError:
    words = f"{folder} cannot be read from: {error.strerror}"
    if error.errno == errno.ELOOP:
        return refused(f"links below {folder} lead in a circle")
    if error.errno in _THE_FILES_OWN and _is_there(folder):
        return ItemError(Reason.FETCH_FAILED, f"{folder} has no such file: {error.strerror}")
    return RetryError(Reason.FETCH_FAILED, words)


def _is_there(folder: Location) -> bool:
    """Whether the folder can be listed and holds anything: what is left of a mount that is gone holds nothing."""
    try:
        with os.scandir(Path("/", *folder.segments)) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
