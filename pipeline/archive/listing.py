"""What a listing of an archive says of its segments, and where the records of one are that has gone meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import StoreError
from pipeline.ports import Store, Stored
from pipeline.rules.archive.covering import covering
from pipeline.rules.archive.names import SEGMENTS, SegmentName, parse_path

"""What the paths of segments begin with."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as a listing tells of it, and the records of it that count: `first` and later, before `until`."""

    name: SegmentName
    stored: Stored
    first: int = 0
    until: int | None = None
    """None: up to its end."""

    @property
    def path(self) -> str:
        return self.stored.path

    @property
    def whole(self) -> bool:
        """Whether all of its records count, as far as its name tells."""
        end = self.name.end
        return self.first <= self.name.start and (end is None or self.until is None or end <= self.until)


class Listing(NamedTuple):
    """The segments of an archive, and those that merged ones have made void."""

    segments: list[Segment]
    void: list[Stored]


def listed(store: Store, prefix: str = SEGMENTS) -> Listing:
    """The segments whose path begins so, by chain and record. What is no segment is left out."""
    named = {name: each for each in store.list(prefix) if (name := parse_path(each.path)) is not None}
    parts, void = covering(named)
    counting = [Segment(name, named[name], first, until) for name, first, until in parts]
    return Listing(counting, [named[name] for name in void])


def instead_of(store: Store, segment: Segment, first: int) -> list[Segment]:
    """Where the segment's records from `first` on are by now; nowhere, if they are gone from the archive."""
    found = []
    for each in listed(store, segment.name.chain).segments:
        until = min((limit for limit in (each.until, segment.until) if limit is not None), default=None)
        begin = max(each.first, first)
        if until is None or begin < until:
            found.append(replace(each, first=begin, until=until))
    return found


def columns_that_count(segment: Segment) -> list[str]:
    """The columns that `that_count` needs to see."""
    return [] if segment.whole else ["record"]


def that_count(rows: pa.Table, segment: Segment) -> pa.Table:
    """Those of a segment's rows that count. They need the columns of `columns_that_count`."""
    if segment.whole:
        return rows
    record = pc.field("record")
    meant = record >= segment.first
    return rows.filter(meant if segment.until is None else meant & (record < segment.until))


def first_record(file: pq.ParquetFile, group: int) -> int:
    """The first record of a row group, by what the file's metadata says of it. Raises `StoreError` without that."""
    told = file.metadata.row_group(group)
    columns = (told.column(each) for each in range(told.num_columns))
    found = next((each.statistics for each in columns if each.path_in_schema == "record"), None)
    if told.num_rows == 0:
        return 0
    if found is None or not found.has_min_max:
        raise StoreError("a segment does not say which records are in its row groups; it is none of the archiver's")
    return int(found.min)
