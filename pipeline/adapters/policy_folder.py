"""A folder of policy files on disk: read it, and tell when what it says has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from threading import Event

import structlog
from watchfiles import watch

from pipeline.errors import PolicyError, Problem
from pipeline.rules.policy_files import FILE_LIMIT, SUFFIXES

LOOK_EVERY_MS = 1000
"""The folder is hashed at least that often: network mounts and swapped symlinks do not always send an event."""
DEBOUNCE_MS = 200
BACKGROUND_SUFFIX = ".txt"

_log = structlog.get_logger(__name__)


def read_policy_folder(folder: Path) -> dict[str, bytes]:
    """The files that make up a policy set, by path. Raises `PolicyError` when there is no such folder.

    Hidden files are left out: a mounted ConfigMap keeps its generations in folders that start with two dots.
    """
    if not folder.is_dir():
        problem = Problem(str(folder), 0, "no such folder; give the folder of your policies with --policies")
        raise PolicyError([problem])
    files: dict[str, bytes] = {}
    for path in sorted(folder.iterdir()):
        wanted = path.suffix in {*SUFFIXES, BACKGROUND_SUFFIX} and not path.name.startswith(".")
        if wanted and path.is_file():
            files[path.as_posix()] = _read(path)
    return files


def policy_folder_changes(
    folder: Path, stop: Event, known: Mapping[str, bytes] | None = None
) -> Iterator[dict[str, bytes]]:
    """The folder's files each time that their bytes differ from before, until `stop` is set. Blocks in between.

    The first look is compared with the `known` files, so that nothing edited meanwhile is missed. A folder that
    cannot be read is looked at again later.
    """
    last, trouble = _digest(known or {}), ""
    while not stop.is_set():
        try:
            for _ in _looks(folder, stop):
                files = read_policy_folder(folder)
                if (now := _digest(files)) != last:
                    last = now
                    yield files
                trouble = ""
        except (OSError, RuntimeError, PolicyError) as error:
            # RuntimeError is watchfiles' own, when the system has no watches left: looking goes on without it.
            if str(error) != trouble:
                trouble = str(error)
                _log.warning("policy_folder_unreadable", folder=str(folder), error=trouble)
        stop.wait(LOOK_EVERY_MS / 1000)


def _looks(folder: Path, stop: Event) -> Iterator[None]:
    yield
    if not folder.is_dir():
        return
    changes = watch(
        folder,
        stop_event=stop,
        debounce=DEBOUNCE_MS,
        rust_timeout=LOOK_EVERY_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=False,
    )
    for _ in changes:
        if not folder.is_dir():
            return
        yield


def _read(path: Path) -> bytes:
    """At most one byte more than a policy file may have, so that the parser can say that it is too long."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise PolicyError([Problem(path.as_posix(), 0, f"cannot be read: {error.strerror}")]) from error


def _digest(files: Mapping[str, bytes]) -> bytes:
    whole = sha256()
    for path, content in files.items():
        whole.update(path.encode() + b"\x00" + sha256(content).digest())
    return whole.digest()
