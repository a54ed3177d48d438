"""Reports that a command writes into files, beside what it prints."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import ServiceError
from pipeline.lab.files import is_device, write_atomically


def check_writable(option: str, path: Path | None, *, in_new_folder: bool = False) -> None:
    """See that the report can be written, before long work finds that it cannot. Raises `ServiceError`.

    With `in_new_folder`, its folder need not be there yet: `write_report` makes it.
    """
    if path is None:
        return
    if path.is_dir():
        raise ServiceError(f"{option} {path} is a folder; name a file in it")
    if is_device(path):
        if not os.access(path, os.W_OK):
            raise ServiceError(f"cannot write into {path}; name another file with {option}")
        return
    folder = path.absolute().parent
    while in_new_folder and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ServiceError(f"cannot write into {folder}; name a file in another folder with {option}")


def make_writable(folder: Path, advice: str) -> None:
    """Make a folder, before long work finds that nothing can be written into it. Raises `ServiceError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ServiceError(f"cannot write into {folder}: {error.strerror}; {advice}") from error


def write_report(option: str, path: Path, content: bytes) -> None:
    """Write the report as a whole or not at all. Raises `ServiceError`."""
    try:
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}; name another file with {option}") from error
