"""Small segments of days that are over become larger ones, while readers and archivers go on.

`pipeline.rules.archive.covering` says why nobody reads anything twice, or not at all, meanwhile. What is erased does
not come back: the deny list is looked at before segments are read and after the merged one is created, as in
`pipeline.archive.keeping.gate`; and where somebody was killed between the two, whoever removes what the merged one
makes void looks in his place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.coarse import with_coarse
from pipeline.archive.denied import OF_ROWS, DenyList, shown
from pipeline.archive.erasing.purging import purge
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.repeated import repeated
from pipeline.archive.listing import Segment, listed, that_count
from pipeline.archive.segments import by_row_group, contents, events_of, opened, parquet_bytes
from pipeline.errors import StoreAwayError, StoreChangedError, StoreError
from pipeline.ports import Store
from pipeline.rules.archive.compaction import runs
from pipeline.rules.archive.covering import cover_of
from pipeline.rules.archive.denied import Denied
from pipeline.rules.archive.names import SegmentName, parse_path

TARGET = 128 * 1024 * 1024
"""Bytes of a merged segment, at most; three times that is held in memory while it is made."""
GRACE = 600.0
"""Seconds for which what was merged stays, so that who listed it before can read it, and whose listing began before
the merged one was there has ended."""


class Merged(NamedTuple):
    """A segment that was made of others."""

    name: SegmentName
    segments: int
    rows: int
    bytes: int
    repeats: int
    """How many events were left out, since an earlier record has them."""


class Swept(NamedTuple):
    """Segments that had been void for as long as the grace is, and are gone."""

    segments: int
    bytes: int


class Compactor:
    """Merges segments and removes what that makes void. Used by one thread; others may be at work on the archive."""

    def __init__(
        self,
        store: Store,
        *,
        target: int = TARGET,
        grace: float = GRACE,
        hooks: ArchiveHooks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._hooks = hooks or ArchiveHooks()
        self._deny_list = DenyList(store)
        self._target, self._grace, self._clock = target, grace, clock
        self._void_since: dict[str, float] = {}
        self.problems: list[str] = []
        """Why chains were left as they are, in the last `merge`: damaged segments, each with its name."""

    def merge(self, before: date, mine: Callable[[SegmentName], bool] = lambda _: True) -> Iterator[Merged]:
        """Merge what is small in the chains of days before that one, of those that are `mine`."""
        self.problems = []
        segments = [each for each in listed(self._store).segments if each.name.group.day < before and mine(each.name)]
        for _, neighbours in groupby(segments, key=lambda each: each.name.chain):
            chain = list(neighbours)
            try:
                yield from self._merge_chain(chain)
            except (FileNotFoundError, StoreChangedError):
                continue  # another one is at work on this chain
            except StoreAwayError:
                raise
            except (StoreError, pa.ArrowInvalid, OSError) as error:
                self.problems.append(f"{chain[0].name.chain}*: {error}")

    def sweep(self) -> Swept:
        """Remove what has been void for as long as the grace is."""
        listing, now = listed(self._store), self._clock()
        names = [each.name for each in listing.segments]
        void = {each.path: each for each in listing.void}
        self._void_since = {path: self._void_since.get(path, now) for path in void}
        due = [each for path, each in void.items() if now - self._void_since[path] >= self._grace]
        void_names = (name for each in due if (name := parse_path(each.path)) is not None)
        for cover in {cover_of(name, names) for name in void_names}:
            if cover is not None:
                self._purge(cover.path)
        for each in due:
            self._store.delete(each.path)
            del self._void_since[each.path]
        return Swept(len(due), sum(each.bytes for each in due))

    @property
    def waiting(self) -> float:
        """Seconds until the next `sweep` removes something; 0 where nothing waits."""
        now = self._clock()
        return max((since + self._grace - now for since in self._void_since.values()), default=0.0)

    def _merge_chain(self, chain: Sequence[Segment]) -> Iterator[Merged]:
        meant = [[chain[at] for at in run] for run in runs([each.stored.bytes for each in chain], self._target)]
        if meant:
            repeats = repeated(self._store, chain)
            for segments in meant:
                yield self._merge(segments, repeats)

    def _merge(self, segments: Sequence[Segment], repeats: NDArray[np.int64]) -> Merged:
        denied = self._deny_list.load()
        tables, end, before = [], 0, 0
        for segment in segments:
            with opened(self._store.local(segment.path) or self._store.open(segment.path), segment.path) as file:
                end = contents(file, segment.path).end
                for group in range(file.num_row_groups):
                    rows = shown(that_count(file.read_row_group(group), segment), denied)
                    before += events_of(rows)
                    tables.append(with_coarse(_without(rows, repeats)))
                tables = tables or [with_coarse(file.schema_arrow.empty_table())]
        rows = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
        first = segments[0]
        name = replace(first.name, start=max(first.first, first.name.start), end=end)
        size = self._create(name, rows, denied)
        return Merged(name, len(segments), len(rows), size, before - events_of(rows))

    def _create(self, name: SegmentName, rows: pa.Table, denied: Denied) -> int:
        told = {"start": name.start, "end": name.end, "events": events_of(rows)}
        data = parquet_bytes(by_row_group([rows]), {key: str(value) for key, value in told.items()})
        made = self._store.create(name.path, data)
        if not made or self._deny_list.load() is not denied:
            self._purge(name.path)
        return len(data)

    def _purge(self, path: str) -> None:
        gone = purge(self._store, self._deny_list, path, OF_ROWS)
        self._hooks.purged(gone.rows if gone else 0)


def _without(rows: pa.Table, records: NDArray[np.int64]) -> pa.Table:
    """The rows of all other records."""
    gone = np.isin(rows["record"].to_numpy(), records)
    return rows.filter(pa.array(~gone)) if gone.any() else rows
