"""The samples that policies name, as files."""

from __future__ import annotations

import stat
from pathlib import Path


def no_file(path: Path) -> str | None:
    """Why a sample cannot be read; None where it is a file. A pipe is none: reading it would wait."""
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:
        return "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
    if stat.S_ISREG(kind):
        return None
    return "is a folder" if stat.S_ISDIR(kind) else "is a pipe, socket or device"
