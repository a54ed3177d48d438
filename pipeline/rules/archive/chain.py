"""Exactly once, by names alone: the files that hold the records of one group from one partition are a chain.

A file is named by the first record of its group that it holds, and holds *all* records of its group from there up to
its ``end``. Whoever writes, and however late, begins a file either behind the last one of the chain or with a record
that begins one already: he takes records in their order, from an offset before which all are kept, and leaves out
what files hold that he finds. So two files of a chain never overlap: the second of two that begin alike cannot be
made, and who fails to make it reads how far the first one goes, and goes on behind that.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.rules.archive.names import OFFSET_DIGITS, SUFFIX


class ChainName(NamedTuple):
    """What the names of a chain's files have in common: the folder of a group, and a partition of a topic."""

    folder: str
    topic: str
    partition: int

    @property
    def prefix(self) -> str:
        return f"{self.folder}/{self.topic}-{self.partition}-"

    def path(self, start: int) -> str:
        """The file that begins with the record at that offset. Offsets have leading zeros, so that names sort."""
        return f"{self.prefix}{start:0{OFFSET_DIGITS}d}{SUFFIX}"

    def start(self, path: str) -> int | None:
        """The offset in a path of this chain; None where the path is of another one, or of a merged file."""
        digits = path.removeprefix(self.prefix).removesuffix(SUFFIX)
        return int(digits) if path == f"{self.prefix}{digits}{SUFFIX}" and digits.isdecimal() else None

    def merged(self, path: str) -> Extent | None:
        """What a file of this chain holds that was merged of others: see `pipeline.rules.archive.covering`."""
        start, _, end = path.removeprefix(self.prefix).removesuffix(SUFFIX).partition("_")
        if path != f"{self.prefix}{start}_{end}{SUFFIX}" or not (start.isdecimal() and end.isdecimal()):
            return None
        return Extent(int(start), int(end))


class Extent(NamedTuple):
    """A file holds all records of its group from `start` up to and without `end`."""

    start: int
    end: int


class Chain:
    """One writer's view of a chain: the files that it knows, and the records that no file holds yet, in order.

    Every record of the group is told to it, also one of which nothing is kept, since a file begins with a record and
    not with what is kept of one: all writers agree on the records, and perhaps not on what they keep.
    """

    def __init__(self, files: Iterable[Extent] = ()) -> None:
        """`files` are those that reach beyond the first record that will be told, or begin behind it."""
        self._files = deque(sorted(files))
        self._offsets = array("q")

    def __bool__(self) -> bool:
        """Whether there are records that no file holds."""
        return bool(self._offsets)

    @property
    def start(self) -> int:
        """The record that the next file begins with. There must be one."""
        return self._offsets[0]

    def must_end(self, offset: int) -> bool:
        """Whether a file begins between the records at hand and this one: they have to be written without it."""
        if not self._offsets or not self._files:
            return False
        self._pass(self.start)
        return bool(self._files) and self._files[0].start <= offset

    def covers(self, offset: int) -> bool:
        """Whether a file holds the record. Asked in the order of records, each before it is told."""
        self._pass(offset)
        return bool(self._files) and self._files[0].start <= offset

    def tell(self, offset: int) -> None:
        """The next record that no file holds."""
        self._offsets.append(offset)

    def written(self) -> None:
        """A file holds all that was told."""
        self._offsets = array("q")

    def taken(self, found: Extent) -> None:
        """Somebody else made the file that the next one of ours would be, up to its own end: go on behind it."""
        self._offsets = self._offsets[bisect_left(self._offsets, found.end) :]
        self._files.appendleft(found)

    def _pass(self, offset: int) -> None:
        """Forget the files that end before the record."""
        while self._files and self._files[0].end <= offset:
            self._files.popleft()
