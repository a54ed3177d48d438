"""Writing files so that a reader, or a run that is interrupted, never meets a half-written one."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def is_device(path: Path) -> bool:
    """Whether it is there and is no file but a device or a pipe, which is written into and never replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a temporary file beside ``path``, then rename it; after an error ``path`` is as it was.

    The file is flushed to disk before the rename, so that a crash of the machine leaves the old file or the new one.
    It keeps the permissions of the file that it replaces and, where the process may give them, its user and group.
    A device or a pipe (``/dev/stdout``) is nothing to replace: ``write`` gets it as it is.
    """
    if is_device(path):
        write(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        _owned_as(path, temporary)
        # mkstemp's 0600 would hide a model from the worker's user.
        temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _owned_as(path: Path, temporary: Path) -> None:
    """Give the new file to whom the old one belongs: who may edit it by its group goes on doing so."""
    if path.exists():
        old = path.stat()
        for user, group in ((-1, old.st_gid), (old.st_uid, -1)):  # a group of one's own anybody may give
            with suppress(OSError):
                os.chown(temporary, user, group)


def write_text(path: Path, text: str) -> None:
    """`write_atomically` for UTF-8 text."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
