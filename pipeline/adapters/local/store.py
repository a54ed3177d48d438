"""An archive's store in a folder of this machine."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import StoreAwayError, StoreError
from pipeline.ports import Stored

_PART = ".part-"
"""What begins the name of a file that is being written; nobody reads or lists it."""
_LOCK = ".lock"
"""A file at the top that whoever replaces a version holds locked, so that two do not both find it as it was."""
_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT})


class FolderStore:
    """A `Store` in one folder, which is made when something is first written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = str(folder)

    def create(self, path: str, data: bytes) -> bool:
        def link(part: str, target: str) -> bool:
            try:
                os.link(part, target)
            except FileExistsError:
                return False
            return True

        return self._write(path, data, link)

    def replace(self, path: str, data: bytes, version: str | None = None) -> bool:
        def rename(part: str, target: str) -> bool:
            with self._alone() if version is not None else nullcontext():
                if version not in {None, _version(Path(target))}:
                    return False
                Path(part).replace(target)
                return True

        return self._write(path, data, rename)

    def read(self, path: str) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except OSError as error:
            raise self._told(error, f"read {path}") from error

    def open(self, path: str) -> BinaryIO:
        try:
            return (self._folder / path).open("rb")
        except OSError as error:
            raise self._told(error, f"read {path}") from error

    def local(self, path: str) -> str | None:
        return str(self._folder / path)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        below = self._folder / prefix.rpartition("/")[0]
        try:
            found = sorted(self._below(below, prefix))
        except OSError as error:
            raise self._told(error, "list its files") from error
        return iter(found)

    def delete(self, path: str) -> None:
        try:
            (self._folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise self._told(error, f"delete {path}") from error

    def close(self) -> None:
        """Nothing is held."""

    def _below(self, folder: Path, prefix: str) -> Iterator[Stored]:
        for where, _, names in os.walk(folder):
            for name in names:
                path = Path(where, name)
                relative = path.relative_to(self._folder).as_posix()
                if name.startswith((_PART, _LOCK)) or not relative.startswith(prefix):
                    continue
                try:
                    seen = path.stat()
                except FileNotFoundError:
                    continue
                yield Stored(relative, seen.st_size, _version_of(seen))

    def _write(self, path: str, data: bytes, place: Callable[[str, str], bool]) -> bool:
        """Write beside the target, and `place` it there once it is on the disk."""
        target = self._folder / path
        part = ""
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=_PART, dir=target.parent)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            placed = place(part, str(target))
            _sync(target.parent)
        except OSError as error:
            raise self._told(error, f"write {path}") from error
        finally:
            if part:
                Path(part).unlink(missing_ok=True)
        return placed

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process or thread replaces what has a version."""
        handle = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _told(self, error: OSError, what: str) -> Exception:
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(what)
        passing = error.errno in _PASSING
        advice = "make room, or wait" if passing else "see that the folder is writable for this user"
        message = f"the archive {self.address} cannot {what}: {error.strerror}; {advice}"
        return StoreAwayError(message) if passing else StoreError(message)


def _version(path: Path) -> str | None:
    try:
        return _version_of(path.stat())
    except FileNotFoundError:
        return None


def _version_of(seen: os.stat_result) -> str:
    return f"{seen.st_ino}-{seen.st_mtime_ns}"


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
