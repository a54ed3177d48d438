"""Write new thresholds into the policy files: all are edited before one is touched, and none is ever half written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pipeline.errors import ServiceError, UsageError
from pipeline.lab.files import write_atomically
from pipeline.lab.thresholds.measure import CHANGES, Calibration, Finding
from pipeline.rules.policies.edits import with_thresholds
from pipeline.rules.policies.names import SUFFIXES


def check_writable(folder: Path) -> None:
    """See that files can be replaced, before minutes of work find that they cannot. Raises `ServiceError`."""
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise ServiceError(f"cannot write into {folder}: the thresholds could not be written back")


def edits(found: Calibration, files: Mapping[str, bytes]) -> dict[Path, bytes]:
    """The files that change and what they should hold, from what they held when they were read.

    Raises `UsageError` for a file that cannot be edited in place.
    """
    paths = {Path(path).stem: path for path in files if path.endswith(SUFFIXES)}
    changed: dict[Path, bytes] = {}
    for finding in found.findings:
        path = paths[finding.policy.id]
        if finding.status in CHANGES and (content := _edited(finding, path, files[path])) != files[path]:
            changed[Path(path)] = content
    return changed


def _edited(finding: Finding, path: str, content: bytes) -> bytes:
    try:
        return with_thresholds(content, finding.thresholds, finding.calibrated)
    except ValueError as error:
        wanted = ", ".join(f"{action}: {least:g}" for action, least in finding.thresholds.items())
        raise UsageError(f"{path}: {error}; write them yourself: {wanted}") from error


def write_back(changed: Mapping[Path, bytes], files: Mapping[str, bytes]) -> None:
    """Replace each file; a run that is interrupted leaves every file whole, old or new.

    Raises `UsageError`, and writes nothing, when a file was edited since it was read; `ServiceError` when a file
    cannot be written.
    """
    for path in changed:
        if not path.is_file() or path.read_bytes() != files[path.as_posix()]:
            raise UsageError(f"{path} was edited meanwhile; nothing is written: run it again")
    for path, content in changed.items():
        try:
            # Resolved, so that a link goes on being one.
            write_atomically(path.resolve(), partial(_put, content=content))
        except OSError as error:
            raise ServiceError(f"cannot write {path}: {error.strerror}") from error


def _put(temporary: Path, content: bytes) -> None:
    temporary.write_bytes(content)
