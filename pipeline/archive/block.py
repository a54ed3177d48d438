"""Rows of an archive as its readers hold them: whole events of one segment, with the columns that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.coarse import Coarse, within
from pipeline.archive.fetching import fetch
from pipeline.archive.known import UNKNOWN, Known
from pipeline.archive.listing import Segment
from pipeline.archive.schema import halves_of
from pipeline.archive.segments import Contents
from pipeline.errors import StoreError
from pipeline.rules.archive.remembered import HALF
from pipeline.signals import REGION, Closer, Provenance, Signals
from pipeline.wire import Decision, ModelRef, parse_decision

N = TypeVar("N", bound=np.generic)
Read = Callable[[Sequence[str]], pa.Table]
"""Reads these columns of certain rows."""


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
    "content_sha256",
    "model_name",
    "dtype",
)
_NOWHERE = np.zeros(1, REGION)


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
    coarse: Coarse | None = None
    """The same rows' coarse features, where they were asked for and can be had without being copied."""
    known: Known = UNKNOWN
    """What stands for columns that were not read."""

    def divided(self, count: int) -> Iterator[Block]:
        """The block as two, the first of that many events; as it is, where it is not twice as large."""
        if self.events < 2 * count:
            yield self
            return
        for start, end in pairwise((0, int(self.offsets[count]), len(self.rows))):
            yield replace(
                self,
                rows=self.rows.slice(start, end - start),
                read=partial(_read, self.read, start, end - start),
                mapped=None if self.mapped is None else within(self.mapped, start, end),
                coarse=None if self.coarse is None else self.coarse.part(start, end),
                known=self.known.after(start),
            )

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

    @cached_property
    def records(self) -> NDArray[np.int64]:
        """``int64[E]``: each event's offset in the features topic; needs the column ``record``."""
        if self.known.first is not None:
            return np.arange(self.known.first, self.known.first + self.events)
        return np.asarray(self.need(["record"]).rows["record"].to_numpy()[self.offsets[:-1]], np.int64)

    @cached_property
    def background(self) -> str:
        """The digest that all rows have; empty where they differ, or have none. Needs the column ``background``."""
        if self.known.background is not None:
            return self.known.background
        column = self.need(["background"]).rows["background"]
        found = column.unique().to_pylist()
        return found[0] or "" if len(found) == 1 else ""

    def rows_of(self, events: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The rows of these events, one event's after the other's, and where each event's begin among them."""
        if len(self.rows) == self.events:
            return events, np.arange(len(events))
        firsts, counts = self.offsets[:-1][events], np.diff(self.offsets)[events]
        starts = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(firsts - starts, counts), starts

    def of_events(self, values: NDArray[N]) -> NDArray[N]:
        """Of one value a row that of each event's first."""
        return values if len(values) == self.events else values[self.offsets[:-1]]

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
        found, of = np.empty((len(rows), self.contents.dimension), HALF), starts.searchsorted(rows, "right") - 1
        for piece in np.unique(of).tolist():
            here = of == piece
            within = rows[here] - starts[piece]
            if self.mapped is not None:
                fetch(self.pieces[piece], within)
            found[here] = self.pieces[piece][within]
        return found

    @cached_property
    def features(self) -> NDArray[np.float16]:
        """``float16[V,D]``, without a copy where the rows lie in one piece."""
        if self.mapped is not None:
            return np.concatenate(self.mapped)
        pieces = [halves_of(each) for each in self.rows["features"].chunks if len(each)]
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

    def looks(self, events: NDArray[np.intp]) -> list[Signals]:
        """As `signals`, but of features alone: neither where views were taken nor what else is known of the image.

        It needs few columns, and none where each event has one view.
        """
        made_by = Provenance(ModelRef("", self.contents.fingerprint, ""), self.contents.preprocess)
        if self.known.alone:
            return [Signals(row[np.newaxis], _NOWHERE[:1], made_by) for row in self.views(events).astype(np.float32)]
        self.need(["closer", "bar"])
        return [self._look(event, made_by) for event in events.tolist()]

    def _look(self, event: int, made_by: Provenance) -> Signals:
        start, end = self.offsets[event : event + 2].tolist()
        features, seam = (
            self.views(np.arange(start, end)).astype(np.float32),
            end - int(self._closer[start:end].sum()),
        )
        again = end - seam
        first, nowhere = features[: seam - start], np.zeros(end - start, REGION)
        if not again:
            return Signals(first, nowhere, made_by)
        bar = self.rows["bar"][seam].as_py()
        closer = Closer(features[seam - start :], nowhere[:again], made_by, turned=(None,) * again, bar=bar)
        return Signals(first, nowhere[: len(first)], made_by, 0, closer)

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
        sha256 = self.rows["content_sha256"][first].as_py()
        return Signals(features[: seam - first], self._regions[first:seam], made_by, unseen, closer, sha256)


def _read(whole: Read, start: int, count: int, names: Sequence[str]) -> pa.Table:
    return whole(names).slice(start, count)
