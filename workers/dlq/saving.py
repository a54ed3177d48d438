"""Where the bytes of a dead letter are written, and that nothing else is written over."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import ServiceError, UsageError
from pipeline.lab.files import write_atomically
from pipeline.wire import Event
from workers.dlq.lines import suffix_of


def place_for(named: Path, record: Event, value: bytes) -> Path:
    """The file itself, or one in the folder that is named.

    Its name is made of where the dead letter stands, and of nothing that a stranger wrote.
    """
    if not named.is_dir():
        return named
    return named / f"{record.partition}-{record.offset}{suffix_of(value)}"


def write_new(path: Path, value: bytes, *, force: bool) -> None:
    """Write a file that is not there yet, or with `force` one that is. Raises `UsageError` and `ServiceError`."""
    try:
        if force:
            write_atomically(path, lambda temporary: temporary.write_bytes(value))
            return
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(value)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already: name another file, or write over it with --force") from error
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}") from error
