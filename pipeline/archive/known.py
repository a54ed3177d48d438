"""What a segment's metadata says of all rows of some row groups, so that columns need not be read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from pipeline.archive.segments import Contents

OF_VIEWS = ("view", "views", "closer", "bar")
"""What is told of an event's views, and says nothing where each event has one."""


@dataclass(frozen=True, slots=True)
class Known:
    """Nothing of it is known of rows of which some are left out."""

    alone: bool = False
    """Whether each event has one view, which then is none of a second look."""
    first: int | None = None
    """The first row's record, if each row has the record after that of the last."""
    background: str | None = None
    """The digest that all rows have."""

    def after(self, rows: int) -> Known:
        """What is known of the rows after so many."""
        return replace(self, first=None if self.first is None else self.first + rows)

    def lacking(self, columns: Sequence[str]) -> list[str]:
        """Those of the columns that it does not stand for."""
        answered = {
            *(OF_VIEWS if self.alone else ()),
            *(("record",) if self.first is not None else ()),
            *(("background",) if self.background is not None else ()),
        }
        return [each for each in columns if each not in answered]


UNKNOWN = Known()


def known_of(file: pq.ParquetFile, of: Contents, groups: Sequence[int]) -> Known:
    """What is known of these row groups. Rows are in the order of their records."""
    alone = of.rows == of.events
    records = _of_column(file, groups, "record") if alone else []
    backgrounds = {value for ends in _of_column(file, groups, "background") for value in ends}
    rows = sum(file.metadata.row_group(group).num_rows for group in groups)
    return Known(
        alone,
        records[0][0] if records and records[-1][1] - records[0][0] + 1 == rows else None,
        backgrounds.pop() if len(backgrounds) == 1 else None,
    )


def _of_column(file: pq.ParquetFile, groups: Sequence[int], name: str) -> list[tuple[Any, Any]]:
    """The column's least and greatest value in each row group; empty where that is not said, or it has nulls."""
    at = next(each for each in range(len(file.schema)) if file.schema.column(each).path == name)
    found = [file.metadata.row_group(group).column(at).statistics for group in groups]
    if not all(
        each is not None and each.has_min_max and each.has_null_count and not each.null_count for each in found
    ):
        return []
    return [(each.min, each.max) for each in found]
