"""Reading an archive: its segments by time, and their rows in blocks of whole events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.archive.denied import DenyList, columns_of, shown
from pipeline.archive.listing import Segment, columns_that_count, first_record, instead_of, listed, that_count
from pipeline.archive.mapped import Mapped
from pipeline.archive.reviews import reviews_in
from pipeline.archive.segments import Contents, contents, opened, read_groups
from pipeline.errors import StoreChangedError, StoreError
from pipeline.ports import Store
from pipeline.rules.archive.denied import Denied
from pipeline.rules.archive.remembered import HALF
from pipeline.rules.times import ALWAYS, Window
from pipeline.signals import REGION, Closer, Provenance, Signals
from pipeline.wire import Decision, ModelRef, Review, parse_decision

__all__ = ["FEATURES", "SIGNALS", "Archive", "Block", "Segment"]


Read = Callable[[Sequence[str]], pa.Table]
"""Reads these columns of certain rows."""


@dataclass(eq=False)
class Block:
    """Rows of E whole events of one segment, V rows in all, with the columns that were asked for.

    ``rows`` holds one row a view; `column` gives one value an event. `features` and `signals` need the columns of
    `FEATURES` and `SIGNALS`.
    """

    segment: Segment
    contents: Contents
    rows: pa.Table
    read: Read
    """Other columns of the same rows; only until the next block is asked for."""
    mapped: Sequence[NDArray[np.float16]] | None = None
    """The features where they lie, instead of the column, where that was asked for and can be had."""

    def need(self, names: Iterable[str]) -> Block:
        """The block itself, once `rows` has these columns: those that it lacks are read now.

        Only until the next block is asked for. Raises `StoreChangedError` where a bucket has another version by now.
        """
        there = {*self.rows.column_names, *(() if self.mapped is None else ("features",))}
        lacking = [name for name in dict.fromkeys(names) if name not in there]
        if lacking:
            for name, column in zip(lacking, self.read(lacking).select(lacking).columns, strict=True):
                self.rows = self.rows.append_column(name, column)
        return self

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """``int64[E+1]``: the rows of event e are ``offsets[e]`` to ``offsets[e+1]``."""
        if self.contents.rows == self.contents.events:
            return np.arange(len(self.rows) + 1)
        rows = self.need(["view", "views"]).rows
        found = np.append(np.flatnonzero(rows["view"].to_numpy() == 0), len(rows))
        if found[0] != 0 or not np.array_equal(rows["views"].to_numpy()[found[:-1]], np.diff(found)):
            raise StoreError(f"{self.segment.path} is damaged: an event in it lacks rows, or has them twice")
        return found

    @property
    def events(self) -> int:
        """How many events there are, E."""
        return len(self.offsets) - 1

    def column(self, name: str) -> pa.ChunkedArray:
        """One value of that column for each event."""
        return self.rows[name].take(pa.array(self.offsets[:-1]))

    @cached_property
    def pieces(self) -> Sequence[NDArray[np.float16]]:
        """`features` as one array after the other."""
        return [self.features] if self.mapped is None else self.mapped

    def views(self, rows: NDArray[np.intp]) -> NDArray[np.float16]:
        """``float16[N,D]``: the features of these rows."""
        starts = np.cumsum([0, *map(len, self.pieces)])
        found = np.empty((len(rows), self.contents.dimension), HALF)
        for at, row in enumerate(rows.tolist()):
            piece = int(starts.searchsorted(row, "right")) - 1
            found[at] = self.pieces[piece][row - starts[piece]]
        return found

    @cached_property
    def features(self) -> NDArray[np.float16]:
        """``float16[V,D]``, without a copy where the rows lie in one piece."""
        if self.mapped is not None:
            return np.concatenate(self.mapped)
        pieces = [_halves(each, self.contents.dimension) for each in self.rows["features"].chunks if len(each)]
        return (
            pieces[0]
            if len(pieces) == 1
            else np.concatenate(pieces or [np.zeros((0, self.contents.dimension), HALF)])
        )

    def decision(self, event: int) -> Decision:
        """The decision on an event, by its index, as it was published."""
        return parse_decision(self.rows["decision"][int(self.offsets[event])].as_py())

    def signals(self, events: Iterable[int]) -> list[Signals]:
        """The signals of these events, by their indices: those that their decisions were made by."""
        return [self._signals(event) for event in events]

    @cached_property
    def _regions(self) -> NDArray[np.void]:
        regions = np.zeros(len(self.rows), REGION)
        regions["frame"] = self.rows["frame"].to_numpy()
        regions["box"] = np.stack([self.rows[edge].to_numpy() for edge in ("left", "top", "right", "bottom")], axis=1)
        return regions

    @cached_property
    def _closer(self) -> NDArray[np.bool_]:
        return np.asarray(self.rows["closer"].to_numpy())

    def _signals(self, event: int) -> Signals:
        first, end = self.offsets[event : event + 2].tolist()
        seam = first + int((~self._closer[first:end]).sum())
        features = self.views(np.arange(first, end)).astype(np.float32)
        model = ModelRef(
            self.rows["model_name"][first].as_py(), self.contents.fingerprint, self.rows["dtype"][first].as_py()
        )
        made_by, closer = Provenance(model, self.contents.preprocess), None
        if seam < end:
            turned = tuple(self.rows["turned"].slice(seam, end - seam).to_pylist())
            bar = self.rows["bar"][seam].as_py()
            closer = Closer(features[seam - first :], self._regions[seam:end], made_by, turned=turned, bar=bar)
        unseen = self.rows["unseen"][first].as_py()
        return Signals(features[: seam - first], self._regions[first:seam], made_by, unseen, closer)


FEATURES = ("view", "views", "features")
SIGNALS = (
    *FEATURES,
    "frame",
    "left",
    "top",
    "right",
    "bottom",
    "closer",
    "turned",
    "bar",
    "unseen",
    "model_name",
    "dtype",
)


_AT_ONCE = 4
"""Row groups that are read together where features need no memory: each call for columns costs as much again."""


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
        self, segments: Iterable[Segment], columns: Sequence[str], window: Window = ALWAYS, *, mapped: bool = False
    ) -> Iterator[Block]:
        """The rows of these segments that were decided within the window, with these columns and `views`.

        Nothing that is erased is among them: the deny list is looked at before each segment. A segment that goes or
        changes meanwhile is read on where its records are by then. A block is of one row group at most, and has one
        event at least. With `mapped`, it is of a few, and where the store is a folder has features in `Block.mapped`.
        Raises `StoreError` for a segment that is damaged.
        """
        for segment in segments:
            yield from self._blocks(segment, columns, window, _AT_ONCE if mapped else 0)

    def _blocks(self, segment: Segment, columns: Sequence[str], window: Window, at_once: int) -> Iterator[Block]:
        denied, unread = self.deny_list.load(), segment.first
        try:
            maps = self._mapped(segment) if at_once else None
            with self.file(segment) as file:
                if maps is not None:
                    maps.check()
                of, alone = contents(file, segment.path), Lock()
                asked = tuple(columns) if at_once else ("view", "views", *columns)
                some = list(_some(file.num_row_groups, at_once or 1))
                reads = [partial(_rows, file, alone, groups, segment, denied, window) for groups in some]
                lean = asked if maps is None else [each for each in asked if each != "features"]
                coming = _in_turn(reads, lean, ahead=self.store.local(segment.path) is None)
                for groups, read in zip(some, reads, strict=True):
                    unread = max(segment.first, first_record(file, groups[0]))
                    rows, pieces = next(coming), None
                    if maps is not None:
                        pieces = maps.of_groups(file, groups, of.dimension)
                        if pieces is None or sum(map(len, pieces)) != len(rows):  # some of them are left out
                            pieces, rows = None, read(asked)
                    if len(rows):
                        yield Block(segment, of, rows, read, pieces)
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


def _some(count: int, most: int) -> Iterator[list[int]]:
    return (list(range(start, min(start + most, count))) for start in range(0, count, most))


def _in_turn(reads: Sequence[Read], columns: Sequence[str], *, ahead: bool) -> Iterator[pa.Table]:
    """What each reads; with `ahead`, which a bucket needs, the next reads on a thread while the last is worked on."""
    if not ahead:
        yield from (read(columns) for read in reads)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="sluice-archive") as thread:
        waiting = [thread.submit(read, columns) for read in reads[:1]]
        for following in range(1, len(reads) + 1):
            rows = waiting.pop().result()
            waiting = [thread.submit(read, columns) for read in reads[following : following + 1]]
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


def _halves(array: pa.Array, dimension: int) -> NDArray[np.float16]:
    """``float16[N,D]`` over the very bytes of a column of features."""
    size = dimension * HALF.itemsize
    data = array.buffers()[1]
    whole = np.frombuffer(data, HALF, count=len(array) * dimension, offset=array.offset * size)
    return whole.reshape(len(array), dimension)
