"""A folder of policy files on disk: read it, and tell when it is time to look at it again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Event
from types import MappingProxyType

import structlog
from watchfiles import watch

from pipeline.adapters.local.policy_assets import AssetFiles
from pipeline.adapters.local.regular_files import opened
from pipeline.errors import PolicyError, Problem
from pipeline.rules.policies.assets import Assets
from pipeline.rules.policies.files import BUILT_IN, FILE_LIMIT, parse_policies
from pipeline.rules.policies.names import DEFAULTS_FILE, SUFFIXES, is_document, is_slip, is_taken, why_not
from pipeline.rules.policies.policy_set import PolicySet

LOOK_EVERY_MS = 1000
"""Milliseconds between two looks at the folder at most: network mounts and swapped symlinks may send no event."""
DEBOUNCE_MS = 200
SETTLE = 0.5
"""Seconds in which a changed folder may not change again: who saves or copies a file empties it, then writes."""
UNSETTLED = 5
"""Times that a folder which goes on changing is waited for, before it is left to the next look."""
SHIPPED_BACKGROUND = Path(__file__).resolve().parents[3] / "policies" / "_background.txt"
"""The built-in background; it lies beside this package in a checkout and in an installation alike."""

NOTHING: Mapping[str, bytes] = MappingProxyType({})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reading:
    """What a folder holds: its files by path, what could not be read, and files that only their names keep out."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    slips: tuple[Problem, ...] = ()
    assets: Assets = field(default_factory=dict)
    """The files that its policies name beside themselves, also those that could not be read."""

    @property
    def digest(self) -> bytes:
        """sha256 of the files, the assets, the problems and the slips."""
        whole = sha256()
        for path, content in self.files.items():
            whole.update(os.fsencode(path) + b"\x00" + sha256(content).digest())
        for asset in self.assets.values():
            whole.update(os.fsencode(f"{asset.path}\0{asset.sha256}\0{asset.problem}\0"))
        for problem in (*self.problems, *self.slips):
            whole.update(os.fsencode(str(problem)))
        return whole.digest()


def look_at(folder: Path, beside: AssetFiles | None = None, edited: Mapping[str, bytes] = NOTHING) -> Reading:
    """Read the folder; what cannot be read is a problem and not an error.

    A link that leads nowhere is not a policy that was deleted, and a file that cannot be read is none either. Who
    looks again and again gives the same `beside` each time: then assets are read only where they have changed. The
    folder is read as if it held the files `edited`, by name, in place of its own.
    """
    files: dict[str, bytes] = {}
    problems: dict[str, Problem] = {}
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - a name that is not UTF-8 is one to name, too
    except OSError as error:
        return Reading(problems=(_no_folder(folder, error),))
    for path in (folder / name for name in names if is_taken(name)):
        try:
            files[path.as_posix()] = _read(path)
        except OSError as error:
            problems[path.name] = Problem(path.as_posix(), 0, _unreadable(path, error))
    for name, content in edited.items():
        files[(folder / name).as_posix()] = content
        problems.pop(name, None)
    defaults = files.get((folder / DEFAULTS_FILE).as_posix(), b"")
    # A text that cannot be read is a problem only where it may be the background that the defaults name.
    wanted = {name for name in problems if name.endswith(SUFFIXES) or os.fsencode(name) in defaults}
    slips = (Problem((folder / name).as_posix(), 0, why_not(name, folder=False)) for name in names if is_slip(name))
    policies = [content for path, content in files.items() if path.endswith(SUFFIXES)]
    return Reading(
        files | {BUILT_IN: _shipped_background()},
        tuple(problem for name, problem in problems.items() if name in wanted),
        tuple(slips),
        (beside or AssetFiles(folder)).named_in(policies),
    )


def read_policy_folder(folder: Path) -> Reading:
    """The files that make up a policy set, the built-in background, and assets. Never waits, not even for a pipe.

    Raises `PolicyError` when there is no such folder, or a policy file in it cannot be read.
    """
    reading = look_at(folder)
    if reading.problems:
        raise PolicyError(list(reading.problems))
    return reading


def policies_in(folder: Path) -> PolicySet:
    """The policy set of a folder, as far as it can be had without a model. Raises `PolicyError`."""
    reading = read_policy_folder(folder)
    return parse_policies(reading.files, assets=reading.assets, folder=folder.as_posix())


def settled(folder: Path, stop: Event, beside: AssetFiles | None = None) -> Reading | None:
    """The folder, once two looks `SETTLE` apart agree; None while it goes on changing, or when `stop` is set."""
    beside = beside or AssetFiles(folder)
    before = look_at(folder, beside)
    for _ in range(UNSETTLED):
        if stop.wait(SETTLE):
            return None
        now = look_at(folder, beside)
        if now == before:
            return now
        before = now
    return None


def looks(folder: Path, stop: Event) -> Iterator[None]:
    """Yields whenever it is time to look: after a change, and once a second; ends when `stop` is set.

    When the system cannot tell of changes, it is still time once a second.
    """
    trouble = ""
    while not stop.is_set():
        yield
        try:
            yield from _told(folder, stop)
        except Exception as error:  # noqa: BLE001 - such as a system that has no watches left
            if str(error) != trouble:
                trouble = str(error)
                _log.warning(
                    "policy_folder_not_watched", folder=str(folder), error=trouble, every=LOOK_EVERY_MS / 1000
                )
        stop.wait(LOOK_EVERY_MS / 1000)


def not_taken(folder: Path) -> list[Problem]:
    """What else is in the folder and is not read, each with what to do.

    Slips in names are left to `look_at`, and documents such as a README are left out.
    """
    rest = []
    for name in _names(folder):
        path = folder / name
        within = path.is_dir()
        if name == DEFAULTS_FILE or name.startswith("..") or (not within and (is_slip(name) or is_document(name))):
            continue
        if is_taken(name) and not (name.startswith("_") and name.endswith(SUFFIXES)):
            continue
        holds = within and any(each.endswith(SUFFIXES) and is_taken(each) for each in _names(path))
        rest.append(Problem(path.as_posix(), 0, why_not(name, folder=within, holds_policies=holds)))
    return rest


def _told(folder: Path, stop: Event) -> Iterator[None]:
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
    """The file, but at most one byte more than a policy file may have: the parser then says that it is too long.

    Raises ``OSError`` for what is not a file.
    """
    with opened(path, "policies") as file:
        return file.read(FILE_LIMIT + 1)


def _unreadable(path: Path, error: OSError) -> str:
    if error.errno is None:
        return str(error.strerror)
    if path.is_symlink() and not path.exists():
        target = os.fsencode(path.readlink()).decode(errors="replace")
        return f"a link to {target}, which is not there; delete the link, or put the file there"
    return f"cannot be read: {error.strerror}; a file that is to count no more is deleted"


def _no_folder(folder: Path, error: OSError) -> Problem:
    if isinstance(error, NotADirectoryError):
        return Problem(str(folder), 0, "a file; give the folder that it is in")
    if isinstance(error, FileNotFoundError):
        return Problem(str(folder), 0, "no such folder; give the folder of your policies with --policies")
    return Problem(str(folder), 0, f"the folder cannot be read: {error.strerror}")


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []


@cache
def _shipped_background() -> bytes:
    try:
        return SHIPPED_BACKGROUND.read_bytes()
    except OSError:
        return b""  # a folder that does not name its own is then refused as one with a thin background
