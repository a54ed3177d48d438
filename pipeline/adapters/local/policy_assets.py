"""The files that policies name beside themselves, read again only where they have changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.local.regular_files import opened
from pipeline.rules.policies.assets import (
    MOST_ASSETS,
    MOST_BYTES_EACH,
    MOST_BYTES_IN_ALL,
    Asset,
    fits,
    is_glob,
    names_in,
    normal,
)


class _Version(NamedTuple):
    """By what a file is told to be another one, or another version of itself."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> _Version:
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class AssetFiles:
    """Reads the assets of one policy folder, and keeps them: whoever looks again costs a ``stat`` of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[_Version, Asset]] = {}

    def named_in(self, files: Iterable[bytes]) -> dict[str, Asset]:
        """The assets that these policy files name, by path. Those that cannot be read say why; it never waits."""
        names = dict.fromkeys(name for content in files for name in names_in(content))
        paths = sorted({path for name in names for path in self._paths(name)})
        found = {path: self._asset(path) for path in paths[:MOST_ASSETS]}
        found |= {path: Asset(path, "", problem=_TOO_MANY) for path in paths[MOST_ASSETS:]}
        self._known = {path: known for path, known in self._known.items() if path in found}
        return dict(_within_bounds(found))

    def _paths(self, name: str) -> Iterator[str]:
        plain = normal(name)
        if os.path.lexists(self._folder / plain):
            yield plain
        elif is_glob(plain):
            yield from self._fitting("", plain.split("/"))

    def _fitting(self, within: str, wanted: list[str]) -> Iterator[str]:
        """The paths below `within` whose parts fit."""
        try:
            names = sorted(os.listdir(self._folder / within))  # noqa: PTH208 - names alone are wanted
        except OSError:
            return
        for name in names:
            if not fits(name, wanted[0]):
                continue
            path = f"{within}/{name}" if within else name
            if len(wanted) == 1:
                yield path
            else:
                yield from self._fitting(path, wanted[1:])

    def _asset(self, path: str) -> Asset:
        try:
            path.encode()
            version = _Version.of((self._folder / path).stat())
            known = self._known.get(path)
            if known is not None and known[0] == version:
                return known[1]
            version, asset = self._read(path)
        except UnicodeEncodeError:
            return Asset(path, "", problem="has a name that is not UTF-8; rename it")
        except OSError as error:
            return Asset(path, "", problem=_unreadable(error))
        self._known[path] = version, asset
        return asset

    def _read(self, path: str) -> tuple[_Version, Asset]:
        with opened(self._folder / path, "assets") as file:
            version = _Version.of(os.fstat(file.fileno()))
            if version.size > MOST_BYTES_EACH:
                return version, Asset(
                    path, "", problem=f"has {version.size:,} bytes; the most is {MOST_BYTES_EACH:,}"
                )
            content = file.read(MOST_BYTES_EACH)
        return version, Asset(path, sha256(content).hexdigest(), content)


_TOO_MANY = f"is one too many: a folder may name {MOST_ASSETS:,} files beside its policies"


def _within_bounds(found: dict[str, Asset]) -> Iterator[tuple[str, Asset]]:
    total = 0
    for path, asset in found.items():
        total += len(asset.content)
        if total <= MOST_BYTES_IN_ALL:
            yield path, asset
            continue
        said = f"is too much: with it the files beside policies have more than {MOST_BYTES_IN_ALL:,} bytes"
        yield path, Asset(path, "", problem=said)


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is a link to what is not there; delete it, or put the file there"
    return f"cannot be read: {error.strerror}"
