"""Features of a segment in a file of this machine, mapped and not copied.

A reader that goes through every row of an archive spends most of its time on moving features about, unless it takes
them from where they are: uncompressed, plain, and without gaps but for page headers. What is not as `segments` writes
it is left to pyarrow, which reads all that Parquet allows.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.archive.thrift import ThriftError, struct_at
from pipeline.errors import StoreChangedError
from pipeline.rules.archive.remembered import HALF

_DATA_PAGE = 0
_PLAIN = 0
_TYPE, _SIZE, _DATA = 1, 3, 5
"""Fields of a page header: https://github.com/apache/parquet-format, ``PageHeader`` in ``parquet.thrift``."""
_VALUES, _ENCODING = 1, 2
"""Fields of its ``DataPageHeader``."""
_LEVELS_SIZE = 4
"""Bytes before the definition levels that say how many they have."""


class Mapped:
    """A file's pages of features. Their arrays keep the file mapped, until the last of them is gone."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        with self._path.open("rb") as file:
            self._inode = os.fstat(file.fileno()).st_ino
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def check(self) -> None:
        """Raise `StoreChangedError` where its name leads to another file by now; others may have opened that."""
        if self._path.stat().st_ino != self._inode:
            raise StoreChangedError(f"{self._path} was replaced while it was opened")

    def expect(self, file: pq.ParquetFile, groups: Sequence[int]) -> None:
        """Have the features of these row groups read from the disk while others are worked on."""
        if not groups:
            return
        columns = [file.metadata.row_group(group).column(_column(file)) for group in groups]
        start = min(each.data_page_offset for each in columns) // mmap.PAGESIZE * mmap.PAGESIZE
        end = max(each.data_page_offset + each.total_compressed_size for each in columns)
        self._bytes.madvise(mmap.MADV_WILLNEED, start, max(0, min(end, len(self._bytes)) - start))

    def of_groups(
        self, file: pq.ParquetFile, groups: Sequence[int], dimension: int
    ) -> list[NDArray[np.float16]] | None:
        """`of_group` of some row groups, one after the other."""
        found = [self.of_group(file, group, dimension) for group in groups]
        return [piece for pieces in found for piece in pieces or ()] if all(found) else None

    def of_group(self, file: pq.ParquetFile, group: int, dimension: int) -> list[NDArray[np.float16]] | None:
        """The features of a row group, ``float16[V,D]`` in pieces; None where they do not lie there plainly."""
        metadata, at = file.metadata.row_group(group), _column(file)
        column, levels = metadata.column(at), file.schema.column(at).max_definition_level
        if column.compression != "UNCOMPRESSED" or column.dictionary_page_offset is not None:
            return None
        start, end = column.data_page_offset, column.data_page_offset + column.total_compressed_size
        try:
            found = [self._page(*page, levels, dimension) for page in _pages(self._bytes, start, end)]
        except (ThriftError, _NotPlainError):
            return None
        return found if sum(map(len, found)) == metadata.num_rows else None

    def _page(self, values: int, start: int, end: int, levels: int, dimension: int) -> NDArray[np.float16]:
        if levels:
            size = int.from_bytes(self._bytes[start : start + _LEVELS_SIZE], "little")
            start += _LEVELS_SIZE + size
            if self._bytes[start - size : start] != _all_there(values):
                raise _NotPlainError
        if end - start != values * dimension * HALF.itemsize:
            raise _NotPlainError
        return np.frombuffer(self._bytes, HALF, values * dimension, start).reshape(values, dimension)


def _column(file: pq.ParquetFile) -> int:
    """The number of the column of features; it is the last but one."""
    count = len(file.schema)
    return next(each for each in reversed(range(count)) if file.schema.column(each).path == "features")


class _NotPlainError(Exception):
    """A page that is not as `segments` writes it."""


def _pages(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """For each page how many values it has, where its bytes start, and where they end."""
    while start < end:
        header, body = struct_at(data, start)
        size, of_data = header.get(_SIZE), header.get(_DATA)
        if header.get(_TYPE) != _DATA_PAGE or not isinstance(of_data, dict) or not isinstance(size, int):
            raise _NotPlainError
        values = of_data.get(_VALUES)
        if of_data.get(_ENCODING) != _PLAIN or not isinstance(values, int) or not 0 <= size <= end - body:
            raise _NotPlainError
        yield values, body, body + size
        start = body + size


def _all_there(values: int) -> bytes:
    """Definition levels by which none of the values is null: one run of that many ones, in Parquet's RLE."""
    header, run = bytearray(), values << 1
    while run > 0x7F:  # noqa: PLR2004 - the bits of a byte of a varint
        header.append(run & 0x7F | 0x80)
        run >>= 7
    return bytes((*header, run, 1))
