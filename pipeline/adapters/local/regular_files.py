"""Files that somebody names, opened only where they are files: a pipe would be waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def opened(path: Path, what: str) -> BinaryIO:
    """The file, open for reading. Never waits. Raises ``OSError`` for what is not a file; `what` says who must be."""
    _check_kind(path.stat().st_mode, what)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    try:
        _check_kind(os.fstat(file.fileno()).st_mode, what)
    except OSError:
        file.close()
        raise
    return file


def _check_kind(mode: int, what: str) -> None:
    if stat.S_ISDIR(mode):
        raise OSError(None, f"a folder, and {what} are files; rename it")
    if not stat.S_ISREG(mode):
        raise OSError(None, f"a pipe, socket or device, and {what} are files; rename it")
