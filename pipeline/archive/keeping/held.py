"""What is kept of records until a file is made of it, as small as it will be there."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive.rows import Kept, table_of
from pipeline.archive.schema import schema

CHUNK = 1_024
"""Records that become rows together. As objects of Python they take several times the memory."""


class Held(Protocol):
    """Values of one chain, each with the offset of its record, in order."""

    @property
    def events(self) -> int:
        """How many records something is kept of."""

    def add(self, offset: int, value: Any) -> None:
        """Keep the next one."""

    def drop_before(self, offset: int) -> None:
        """Forget those of the records before this one."""

    def whole(self) -> Any:
        """All of them, as the maker of files takes them."""


class HeldRows:
    """Features records of one dimension, as rows."""

    def __init__(self, dimension: int) -> None:
        self.events = 0
        self._dimension = dimension
        self._kept: list[Kept] = []
        self._tables: list[pa.Table] = []

    def add(self, offset: int, value: Kept) -> None:
        del offset
        self.events += 1
        self._kept.append(value)
        if len(self._kept) == CHUNK:
            self._into_rows()

    def drop_before(self, offset: int) -> None:
        self._into_rows()
        left = (table.filter(pc.field("record") >= offset) for table in self._tables)
        self._tables = [table for table in left if len(table)]
        self.events = sum(pc.sum(pc.equal(table["view"], 0)).as_py() for table in self._tables)

    def whole(self) -> pa.Table:
        """One table; without rows where nothing is kept."""
        self._into_rows()
        return pa.concat_tables(self._tables) if self._tables else schema(self._dimension).empty_table()

    def _into_rows(self) -> None:
        if self._kept:
            self._tables.append(table_of(self._kept))
            self._kept = []


class HeldValues:
    """Anything else, as it is."""

    def __init__(self) -> None:
        self._values: list[tuple[int, Any]] = []

    @property
    def events(self) -> int:
        return len(self._values)

    def add(self, offset: int, value: Any) -> None:
        self._values.append((offset, value))

    def drop_before(self, offset: int) -> None:
        self._values = [each for each in self._values if each[0] >= offset]

    def whole(self) -> list[Any]:
        return [value for _, value in self._values]
