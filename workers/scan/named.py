"""What the paths on a command line stand for: files, folders and globs, each file once, and what was passed over."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from pipeline.disk import Found, walk
from pipeline.disk.walk import Visited
from pipeline.errors import UsageError
from workers.terminal.plain import one_line

NAMED = 20
"""Most files that are named one by one as no pictures."""


@dataclass
class Skipped:
    """The files of folders that are no pictures: how many, and the first of them by name."""

    named: int | None = NAMED
    """Most files of which the name is kept; None for all."""
    count: int = 0
    first: list[Found] = field(default_factory=list)
    barren: list[str] = field(default_factory=list)
    """Folders that were named and hold no picture at all."""

    def add(self, found: Found) -> None:
        """Count one, and keep its name while there is room."""
        self.count += 1
        if self.named is None or len(self.first) < self.named:
            self.first.append(found)

    def lines(self) -> Iterator[str]:
        """What a person should know of it, a line each; nothing where nothing was skipped."""
        if self.count:
            files = (
                "1 file is no picture and was"
                if self.count == 1
                else f"{self.count:,} files are no pictures and were"
            )
            yield f"{files} skipped:"
            yield from (f"  {one_line(each.path)}: {one_line(each.skipped)}" for each in self.first)
        if self.count > len(self.first):
            yield f"  and {self.count - len(self.first):,} more; --name-skipped names all"
        yield from (f"no pictures in the folder {one_line(folder)}" for folder in self.barren)


class Named:
    """The files that paths, folders and globs stand for, in that order. Raises `UsageError` when one is not there.

    Iterating gives a file to be judged, or None where one was skipped: looking through a large folder takes a while.
    No more is held in memory than the names of the folders that are open.
    """

    def __init__(self, given: Sequence[str], skipped: Skipped) -> None:
        self._paths = [path for each in dict.fromkeys(given) for path in _expand(each)]
        self._files = {_normal(path) for path in self._paths if not os.path.isdir(path)}
        self._skipped = skipped

    def __iter__(self) -> Iterator[str | None]:
        visited: Visited = set()
        for path in dict.fromkeys(map(_normal, self._paths)):
            if path in self._files:
                yield path  # whatever it is: it was asked for by name
            else:
                yield from self._folder(path, visited)

    def _folder(self, folder: str, visited: Visited) -> Iterator[str | None]:
        barren = _is_new(folder, visited)
        for found in walk(folder, visited):
            if found.path in self._files:
                barren = False  # its turn comes, or came, by its own name
            elif found.skipped:
                self._skipped.add(found)
                yield None
            else:
                barren = False
                yield found.path
        if barren:
            self._skipped.barren.append(folder)


def from_the_first(files: Iterable[str | None]) -> Iterator[str | None] | None:
    """The files from the first one on; None where there is none, which is known before a model is loaded."""
    every = iter(files)
    first = next((each for each in every if each is not None), None)
    return None if first is None else chain([first], every)


def counted(files: Iterable[str | None], of: Callable[[int], object]) -> Iterator[str | None]:
    """The same files; after the last one, `of` is told how many there were."""
    count = 0
    for each in files:
        count += each is not None
        yield each
    of(count)


def _is_new(folder: str, visited: Visited) -> bool:
    """Whether nothing can have been seen of a folder yet: it may lie within one that was named before."""
    try:
        seen = os.stat(folder)
    except OSError:
        return True
    return (seen.st_dev, seen.st_ino) not in visited


def _normal(path: str) -> str:
    """Without a dot in front and a slash behind, so that a file is known again; a link and ``..`` stay."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return ("/" if path.startswith("/") else "") + "/".join(parts) or "."


def _expand(given: str) -> list[str]:
    try:
        os.lstat(given)
    except (FileNotFoundError, NotADirectoryError) as error:
        matched = sorted(glob.glob(given, recursive=True))
        if matched:
            return matched
        hint = "; standard input is /dev/stdin" if given == "-" else ""
        raise UsageError(f"no such file or folder: {given}{hint}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{given} cannot be looked at: {reason}") from error
    return [given]
