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
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.archive.coarse import COARSE, Coarse
from pipeline.archive.thrift import ThriftError, struct_at
from pipeline.errors import StoreChangedError
from pipeline.rules.archive.remembered import HALF

N = TypeVar("N", bound=np.generic)

_FLOAT = np.dtype("<f4")
_DATA_PAGE = 0
_PLAIN = 0
_TYPE, _SIZE, _DATA = 1, 3, 5
"""Fields of a page header: https://github.com/apache/parquet-format, ``PageHeader`` in ``parquet.thrift``."""
_VALUES, _ENCODING = 1, 2
"""Fields of its ``DataPageHeader``."""
_LEVELS_SIZE = 4
"""Bytes before the definition levels that say how many they have."""


class Lying(NamedTuple):
    """Rows where they lie; None of what does not lie there plainly, or is not there at all."""

    features: Sequence[NDArray[np.float16]] | None = None
    """``float16[V,D]`` in pieces, one row group's after the other's."""
    coarse: Coarse | None = None

    def are_all(self, rows: int) -> bool:
        """Whether there are as many as of the columns that were read: of those, some may be left out."""
        return self.features is not None and sum(map(len, self.features)) == rows


class Mapped:
    """A file's pages of features and coarse features. Their arrays keep the file mapped, until the last is gone."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        with self._path.open("rb") as file:
            self._inode = os.fstat(file.fileno()).st_ino
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def check(self) -> None:
        """Raise `StoreChangedError` where its name leads to another file by now; others may have opened that."""
        if self._path.stat().st_ino != self._inode:
            raise StoreChangedError(f"{self._path} was replaced while it was opened")

    def expect(self, file: pq.ParquetFile, groups: Sequence[int], *, coarse: bool) -> None:
        """Have the features of these row groups, or the coarse ones, read from disk while others are worked on."""
        wanted = [_column(file, name) for name in (COARSE if coarse else ())]
        if not wanted or None in wanted:
            wanted = [_column(file, "features")]
        for group in groups:
            for column in (file.metadata.row_group(group).column(at) for at in wanted if at is not None):
                start = column.data_page_offset // mmap.PAGESIZE * mmap.PAGESIZE
                end = min(column.data_page_offset + column.total_compressed_size, len(self._bytes))
                self._bytes.madvise(mmap.MADV_WILLNEED, start, max(0, end - start))

    def rows(self, file: pq.ParquetFile, groups: Sequence[int], dimension: int, *, coarse: bool) -> Lying:
        """Those of some row groups, with coarse features where these are wanted."""
        features = self._of_groups(file, groups, "features", HALF, dimension)
        return Lying(features, self._coarse(file, groups, dimension) if coarse else None)

    def _coarse(self, file: pq.ParquetFile, groups: Sequence[int], dimension: int) -> Coarse | None:
        codes = self._of_groups(file, groups, COARSE[0], np.dtype(np.int8), dimension)
        beside = [self._of_groups(file, groups, name, _FLOAT, 1) for name in COARSE[1:]]
        if codes is None or None in beside:
            return None
        steps, errors = (np.concatenate(each)[:, 0] for each in beside if each is not None)
        return Coarse(codes, steps, errors)

    def _of_groups(
        self, file: pq.ParquetFile, groups: Sequence[int], name: str, of: np.dtype[N], width: int
    ) -> list[NDArray[N]] | None:
        at = _column(file, name)
        if at is None:
            return None
        found = [self._of_group(file, group, at, of, width) for group in groups]
        return [piece for pieces in found for piece in pieces or ()] if all(found) else None

    def _of_group(
        self, file: pq.ParquetFile, group: int, at: int, of: np.dtype[N], width: int
    ) -> list[NDArray[N]] | None:
        metadata = file.metadata.row_group(group)
        column, levels = metadata.column(at), file.schema.column(at).max_definition_level
        if column.compression != "UNCOMPRESSED" or column.dictionary_page_offset is not None:
            return None
        start, end = column.data_page_offset, column.data_page_offset + column.total_compressed_size
        try:
            found = [self._page(*page, levels, of, width) for page in _pages(self._bytes, start, end)]
        except (ThriftError, _NotPlainError):
            return None
        return found if sum(map(len, found)) == metadata.num_rows else None

    def _page(self, values: int, start: int, end: int, levels: int, of: np.dtype[N], width: int) -> NDArray[N]:
        if levels:
            size = int.from_bytes(self._bytes[start : start + _LEVELS_SIZE], "little")
            start += _LEVELS_SIZE + size
            if self._bytes[start - size : start] != _all_there(values):
                raise _NotPlainError
        if end - start != values * width * of.itemsize:
            raise _NotPlainError
        return np.frombuffer(self._bytes, of, values * width, start).reshape(values, width)


def _column(file: pq.ParquetFile, name: str) -> int | None:
    """The number of that column, which is one of the last; None where there is none."""
    found = (each for each in reversed(range(len(file.schema))) if file.schema.column(each).path == name)
    return next(found, None)


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
