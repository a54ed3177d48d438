"""Reading an archive: its segments by time, and their rows in blocks of whole events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.block import FEATURES, SIGNALS, Block, Read
from pipeline.archive.coarse import COARSE
from pipeline.archive.denied import DenyList, columns_of, shown
from pipeline.archive.known import UNKNOWN, known_of
from pipeline.archive.listing import Segment, columns_that_count, first_record, instead_of, listed, that_count
from pipeline.archive.mapped import Lying, Mapped
from pipeline.archive.reviews import reviews_in
from pipeline.archive.segments import contents, opened, read_groups
from pipeline.errors import StoreChangedError
from pipeline.ports import Store
from pipeline.rules.archive.denied import Denied
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Review

__all__ = ["FEATURES", "SIGNALS", "TOGETHER", "Archive", "Block", "Segment"]


TOGETHER = 4
"""Row groups that are read together where features need no memory: each call for columns costs as much again."""
FEW = 1024
"""Events of the first block, from which a reader learns what it needs of the others."""


class Archive:
    """An archive that is read. Every reader goes through it, so that what is hidden is hidden from all."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.deny_list = DenyList(store)
        self.deny_list.load()

    def segments(self, window: Window = ALWAYS) -> list[Segment]:
        """The segments of the days that the window touches, by their path, as they count."""
        return [each for each in listed(self.store).segments if window.touches(each.name.group.day)]

    def blocks(
        self, segments: Iterable[Segment], columns: Sequence[str], window: Window = ALWAYS, *, mapped: int = 0
    ) -> Iterator[Block]:
        """The rows of these segments that were decided within the window, with these columns and `views`.

        Nothing that is erased is among them: the deny list is looked at before each segment. A segment that goes or
        changes meanwhile is read on where its records are by then. A block is of one row group at most, and has one
        event at least. Where the store is a folder and `mapped` is not 0, it is of so many, has features in
        `Block.mapped`, and lacks the columns that `Block.known` stands for; with ``coarse`` among the columns it has
        `Block.coarse` where that can be. The first one is of `FEW` events. Raises `StoreError` for a segment that is
        damaged.
        """
        every = chain.from_iterable(self._blocks(each, columns, window, mapped) for each in segments)
        if (first := next(every, None)) is not None:
            yield from first.divided(FEW)
        del first  # which keeps its segment mapped
        yield from every

    def _blocks(self, segment: Segment, columns: Sequence[str], window: Window, at_once: int) -> Iterator[Block]:
        denied, unread = self.deny_list.load(), segment.first
        try:
            maps = self._mapped(segment) if at_once else None
            with self.file(segment) as file:
                if maps is not None:
                    maps.check()
                of, alone = contents(file, segment.path), Lock()
                plain = [each for each in columns if each not in COARSE]
                coarse, asked = len(plain) < len(columns), tuple(plain) if at_once else ("view", "views", *plain)
                some = _some(file.num_row_groups, at_once if maps is not None else 1)
                reads = [partial(_rows, file, alone, groups, segment, denied, window) for groups in some]
                known = [UNKNOWN if maps is None else known_of(file, of, groups) for groups in some]
                lean = [_lean(each.lacking(asked), maps) for each in known]
                coming = _in_turn(reads, lean, ahead=self.store.local(segment.path) is None)
                for at, (groups, read) in enumerate(zip(some, reads, strict=True)):
                    unread = max(segment.first, first_record(file, groups[0]))
                    rows, told, lying = next(coming), known[at], Lying()
                    if maps is not None:
                        ahead = [group for each in some[at + bool(at) : at + 2] for group in each]
                        maps.expect(file, ahead, coarse=coarse)
                        lying = maps.rows(file, groups, of.dimension, coarse=coarse)
                        if not lying.are_all(len(rows)):
                            rows, told, lying = read(asked), UNKNOWN, Lying()
                    if len(rows):
                        yield Block(segment, of, rows, read, *lying, told)
        except (FileNotFoundError, StoreChangedError):
            for each in instead_of(self.store, segment, unread):
                yield from self._blocks(each, columns, window, at_once)

    def _mapped(self, segment: Segment) -> Mapped | None:
        local = self.store.local(segment.path)
        return None if local is None or not segment.stored.bytes else Mapped(local)

    def reviews(self, window: Window = ALWAYS) -> Iterator[Review]:
        """All reviews given within the window, by day, but those of what is erased. Raises `StoreError`."""
        return reviews_in(self.store, self.deny_list, window)

    def file(self, segment: Segment) -> pq.ParquetFile:
        """The segment's file, opened; a context that closes it."""
        local = self.store.local(segment.path)
        return opened(local or self.store.open(segment.path), segment.path)


def _some(count: int, most: int) -> list[list[int]]:
    """Row groups that are read together."""
    return [list(range(first, min(first + most, count))) for first in range(0, count, most)]


def _lean(columns: Sequence[str], maps: Mapped | None) -> list[str]:
    """Without the features, where they are mapped."""
    return [each for each in columns if maps is None or each != "features"]


def _in_turn(reads: Sequence[Read], columns: Sequence[Sequence[str]], *, ahead: bool) -> Iterator[pa.Table]:
    """What each reads; with `ahead`, which a bucket needs, the next reads on a thread while the last is worked on."""
    if not ahead:
        yield from (read(names) for read, names in zip(reads, columns, strict=True))
        return
    with ThreadPoolExecutor(1, thread_name_prefix="sluice-archive") as thread:
        waiting = [thread.submit(read, columns[0]) for read in reads[:1]]
        for at in range(1, len(reads) + 1):
            rows = waiting.pop().result()
            waiting = [thread.submit(read, columns[at]) for read in reads[at : at + 1]]
            yield rows


def _rows(
    file: pq.ParquetFile,
    alone: Lock,
    groups: list[int],
    segment: Segment,
    denied: Denied,
    window: Window,
    columns: Sequence[str],
) -> pa.Table:
    """The rows of row groups that are shown and meant, with these columns and those that tell which they are."""
    told = (*columns_of(denied), *_columns_within(window, segment), *columns_that_count(segment))
    with alone:
        every = read_groups(file, groups, list(dict.fromkeys((*columns, *told))), segment.path)
    rows = shown(every, denied)
    return _within(that_count(rows, segment), window, segment)


def _columns_within(window: Window, segment: Segment) -> list[str]:
    return [] if window.covers(segment.name.group.day) else ["decided_at"]


def _within(rows: pa.Table, window: Window, segment: Segment) -> pa.Table:
    """Those that were decided within the window; an event's rows have one time."""
    if window.covers(segment.name.group.day):
        return rows
    decided = rows["decided_at"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    meant = np.ones(len(decided), bool)
    if window.since is not None:
        meant &= decided >= round(window.since * 1e6)
    if window.until is not None:
        meant &= decided < round(window.until * 1e6)
    return rows if meant.all() else rows.filter(pa.array(meant))
