"""An archive's store in a folder of this machine, or of a file server that it has mounted."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pipeline.errors import StoreAwayError, StoreError
from pipeline.ports import Stored
from pipeline.rules.archive.names import checked_name

_PARTS = ".parts"
"""The folder of files that are being written; they are moved from there, so that nobody sees half of one."""
_ABANDONED = 3600.0
"""Seconds after which a file there belongs to nobody: a process has died over it."""
_LOCK = ".lock"
"""A file at the top that whoever replaces a version holds locked, so that two do not both find it as it was."""
_OURS = frozenset({_PARTS, _LOCK})
_PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN}
)
_WITHOUT_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_ADVICE = {
    errno.ENAMETOOLONG: "its name is longer than the file system takes",
    errno.EFBIG: "it is larger than the file system, or a limit of this process, takes",
    errno.ELOOP: "it is a symbolic link, and an archive has none",
    errno.EXDEV: "a folder in it lies on another disk: an archive lies on one",
}


class FolderStore:
    """A `Store` in one folder, which is made when something is first written.

    It needs a file system with hard links, by which nobody writes over what another has written at the same moment.
    What is no plain file in the folder, such as a symbolic link, is no object.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidied = False
        self.address = str(folder)

    def create(self, path: str, data: bytes) -> bool:
        return self._write(path, data, _linked)

    def replace(self, path: str, data: bytes, version: str | None = None) -> bool:
        def renamed(part: Path, target: Path) -> bool:
            with self._alone() if version is not None else nullcontext():
                if version not in {None, _version(target)}:
                    return False
                part.replace(target)
                return True

        return self._write(path, data, renamed)

    def read(self, path: str) -> bytes:
        with self.open(path) as file, self._telling(f"read {path}"):
            return file.read()

    def open(self, path: str) -> BinaryIO:
        with self._telling(f"read {path}"):
            return open(self._at(path), "rb", opener=_no_link)

    def local(self, path: str) -> str | None:
        return str(self._at(path))

    def list(self, prefix: str = "") -> Iterator[Stored]:
        folder = prefix.rpartition("/")[0]
        below = self._at(folder) if folder else self._folder
        with self._telling("list its files"):
            return iter(sorted(self._below(below, prefix)))

    def delete(self, path: str) -> None:
        with self._telling(f"delete {path}"):
            target = self._at(path)
            with suppress(FileNotFoundError):
                target.unlink()
                _sync(target.parent)

    def close(self) -> None:
        """Nothing is held."""

    def _at(self, path: str) -> Path:
        return self._folder / checked_name(path)

    def _below(self, folder: Path, prefix: str) -> Iterator[Stored]:
        def missed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise error

        for where, folders, names in os.walk(folder, onerror=missed):
            if Path(where) == self._folder:
                folders[:] = [each for each in folders if each not in _OURS]
            for name in names:
                path = Path(where, name)
                relative = path.relative_to(self._folder).as_posix()
                if not relative.startswith(prefix) or relative in _OURS:
                    continue
                with suppress(FileNotFoundError):
                    seen = path.lstat()
                    if stat.S_ISREG(seen.st_mode):
                        yield Stored(relative, seen.st_size, _version_of(seen))

    def _write(self, path: str, data: bytes, place: Callable[[Path, Path], bool]) -> bool:
        """Write aside, and `place` it at its path once its bytes are on the disk; then see that its name is."""
        target = self._at(path)
        with self._telling(f"write {path}"), self._part(data) as part:
            for _ in range(2):
                _make(target.parent)
                with suppress(FileNotFoundError):  # another has removed the empty folder
                    placed = place(part, target)
                    _sync(target.parent)
                    return placed
        raise StoreAwayError(f"the archive {self.address} cannot write {path}: its folder comes and goes")

    @contextmanager
    def _part(self, data: bytes) -> Iterator[Path]:
        """A file with these bytes, on the disk, which is gone afterwards."""
        parts = self._folder / _PARTS
        _make(parts)
        self._tidy(parts)
        part = parts / token_hex(16)
        try:
            with part.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield part
        finally:
            part.unlink(missing_ok=True)

    def _tidy(self, parts: Path) -> None:
        """Remove, once, what processes that died have left."""
        if self._tidied:
            return
        self._tidied = True
        for each in parts.iterdir():
            with suppress(FileNotFoundError):
                if time.time() - each.lstat().st_mtime > _ABANDONED:
                    each.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process or thread replaces what has a version."""
        handle = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Raise what a file system says as the port has it."""
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(what) from None
        except OSError as error:
            passing = error.errno in _PASSING
            advice = "make room, or wait" if passing else "see that this user may read and write the folder"
            message = (
                f"the archive {self.address} cannot {what}: {error.strerror}; {_ADVICE.get(error.errno or 0, advice)}"
            )
            raise (StoreAwayError if passing else StoreError)(message) from error


def _linked(part: Path, target: Path) -> bool:
    """Give the file its name, unless another has that."""
    try:
        os.link(part, target)
    except FileExistsError:
        # A file server whose first answer was lost says so of our own link.
        return part.stat().st_nlink > 1 and part.samefile(target)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        raise StoreError(
            f"{target.parent} lies on a file system without hard links, where two processes could write over each"
            " other: put the archive on a local disk, on NFS or into a bucket"
        ) from error
    return True


def _no_link(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW)


def _make(folder: Path) -> None:
    """The folder and those above it, each with its name on the disk."""
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    _sync(folder.parent)


def _version(path: Path) -> str | None:
    try:
        return _version_of(path.lstat())
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
