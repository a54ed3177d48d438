"""A segment as bytes: what is written once, and what its metadata says."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.coarse import COARSE
from pipeline.archive.denied import shown
from pipeline.archive.rows import Kept, table_of
from pipeline.archive.schema import FORMAT, PREFIX
from pipeline.errors import StoreError
from pipeline.rules.archive.denied import NOBODY, Denied
from pipeline.rules.archive.names import SegmentName
from pipeline.rules.archive.remembered import HALF

ROWS = 16_384
"""Rows of a row group, which is what a reader holds at once: 17 MB of 512 features."""
PLAIN = ("features", "thumbnail", "background_lse", *COARSE)
"""Columns that are not compressed: numbers do not shrink by much, and thumbnails are compressed already."""
PAGE = 1 << 28
"""Bytes of a page at most, so that a row group's features lie in one piece."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment's metadata says of it. It holds records of its group from `start` up to and without `end`."""

    fingerprint: str
    preprocess: str
    dimension: int
    topic: str
    partition: int
    start: int
    end: int
    events: int
    """How many events it holds."""
    rows: int


def segment_bytes(name: SegmentName, kept: Sequence[Kept] | pa.Table, end: int, denied: Denied = NOBODY) -> bytes:
    """A segment of these records, or of the rows made of them, whose group has no others from its first up to `end`.

    What is denied has no rows in it. It may be without any: the name stands for the records all the same.
    """
    rows = shown(kept if isinstance(kept, pa.Table) else table_of(kept), denied)
    dimension = rows.schema.field("features").type.byte_width // HALF.itemsize
    return parquet_bytes(by_row_group([rows]), _properties(name, dimension, end, events_of(rows)))


def events_of(rows: pa.Table) -> int:
    """How many events these rows are of; it goes by the column `view`."""
    return int((rows["view"].to_numpy() == 0).sum())


def parquet_bytes(groups: Iterator[pa.Table], properties: Mapping[str, str]) -> bytes:
    """A Parquet file of these row groups, one or more, of which one may be empty."""
    first = next(groups)
    words = [field.name for field in first.schema if pa.types.is_dictionary(field.type)]
    sink = io.BytesIO()
    told = {(PREFIX + key).encode(): value.encode() for key, value in properties.items()}
    keyed = first.schema.with_metadata((first.schema.metadata or {}) | told)
    with pq.ParquetWriter(
        sink,
        keyed,
        compression={leaf: "none" if leaf in PLAIN else "zstd" for leaf in _leaves(keyed)},
        data_page_size=PAGE,
        use_dictionary=[*words, *(leaf for leaf in _leaves(keyed) if "." in leaf)],
    ) as writer:
        for group in chain((first,), groups):
            writer.write_table(group.replace_schema_metadata(keyed.metadata), row_group_size=max(1, len(group)))
    return sink.getvalue()


def contents(file: pq.ParquetFile, path: str) -> Contents:
    """What the file's metadata says. Raises `StoreError`, naming the path, for a file that is no segment."""
    told = {
        key.decode().removeprefix(PREFIX): value.decode()
        for key, value in (file.metadata.metadata or {}).items()
        if key.startswith(PREFIX.encode())
    }
    if told.get("format") != FORMAT:
        raise StoreError(f"{path} is no segment of an archive that this release reads")
    return Contents(
        fingerprint=told["fingerprint"],
        preprocess=told["preprocess"],
        dimension=int(told["dimension"]),
        topic=told["topic"],
        partition=int(told["partition"]),
        start=int(told["start"]),
        end=int(told["end"]),
        events=int(told["events"]),
        rows=file.metadata.num_rows,
    )


def read_groups(file: pq.ParquetFile, groups: Sequence[int], columns: Sequence[str], path: str) -> pa.Table:
    """These columns of these row groups. Raises `StoreError`, naming the path, where they are damaged."""
    try:
        return file.read_row_groups(list(groups), columns=list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise StoreError(f"{path} is damaged: {str(error).splitlines()[0]}; move it away, or mend it") from error


def opened(source: BinaryIO | str, path: str) -> pq.ParquetFile:
    """The file, of which the metadata is read. Raises `StoreError` for what is no Parquet file."""
    try:
        local = isinstance(source, str)
        return pq.ParquetFile(source, memory_map=local, pre_buffer=not local)  # few requests, each for much
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise StoreError(
            f"{path} is damaged or no Parquet file: {str(error).splitlines()[0]}; move it away, or mend it"
        ) from error


def _properties(name: SegmentName, dimension: int, end: int, events: int) -> dict[str, str]:
    return {
        "format": FORMAT,
        "fingerprint": name.group.fingerprint,
        "preprocess": name.group.preprocess,
        "dimension": str(dimension),
        "topic": name.topic,
        "partition": str(name.partition),
        "start": str(name.start),
        "end": str(end),
        "events": str(events),
    }


def by_row_group(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Pieces of about `ROWS` rows; no event is in two of them. Of tables without any rows it is the first."""
    tables = iter(tables)
    first, some = next(tables), False
    for table in chain([first], tables):
        views, at = table["views"].to_numpy(), 0
        while at < len(views):
            end = at
            while end < len(views) and (end - at < ROWS or end == at):
                end += int(views[end])
            yield table.slice(at, end - at)
            at, some = end, True
    if not some:
        yield first


def _leaves(columns: pa.Schema) -> list[str]:
    """The columns as Parquet counts them: those within lists and maps one by one."""
    return [each.path for each in pq.ParquetFile(_empty(columns)).schema]


def _empty(columns: pa.Schema) -> io.BytesIO:
    sink = io.BytesIO()
    pq.write_table(columns.empty_table(), sink)
    sink.seek(0)
    return sink
