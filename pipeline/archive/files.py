"""What all files of a chain have in common, whatever their rows: how far each goes stands in its metadata."""

from __future__ import annotations

import io
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.schema import FORMAT, PREFIX
from pipeline.archive.segments import opened
from pipeline.errors import StoreError
from pipeline.ports import Store
from pipeline.rules.archive.chain import ChainName, Extent


def file_bytes(chain: ChainName, extent: Extent, rows: pa.Table, events: int) -> bytes:
    """A Parquet file of these rows, with what a chain needs to know of it."""
    told = {"format": FORMAT, "topic": chain.topic, "partition": chain.partition}
    told |= {"start": extent.start, "end": extent.end, "events": events}
    sink = io.BytesIO()
    keyed = rows.replace_schema_metadata({PREFIX + key: str(value) for key, value in told.items()})
    pq.write_table(keyed, sink, compression="zstd")
    return sink.getvalue()


def file_rows(store: Store, path: str, columns: list[str] | None = None) -> pa.Table:
    """The rows of a file, or these columns of them. Raises `StoreError` for a damaged one, naming it."""
    with opened(store.local(path) or store.open(path), path) as file:
        try:
            return file.read(columns)
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"{path} is damaged: {str(error).splitlines()[0]}") from error


def extent_of(store: Store, chain: ChainName, path: str) -> Extent:
    """How far a file of the chain goes. Raises `StoreError`, naming it, for one that is damaged or none of ours."""
    with opened(store.local(path) or store.open(path), path) as file:
        told = file.schema_arrow.metadata or {}
    start, end = (int(told.get(f"{PREFIX}{key}".encode(), b"-1")) for key in ("start", "end"))
    if start != chain.start(path) or end <= start:
        raise StoreError(
            f"{store.address}: {path} is none of the archiver's files, and has the name of one; move it away"
        )
    return Extent(start, end)


class Standing(NamedTuple):
    """A file that stands in the store."""

    path: str
    extent: Extent


def standing_at(store: Store, chain: ChainName, start: int) -> Standing | None:
    """What holds the record at `start`; None where nothing does."""
    return next((each for each in standing_from(store, chain, start) if each.extent.start <= start), None)


def standing_from(store: Store, chain: ChainName, offset: int) -> list[Standing]:
    """The files of the chain that reach beyond `offset`, or begin behind it. What merged ones cover is void."""
    while True:
        paths = [each.path for each in store.list(chain.prefix)]
        merged = [Standing(path, extent) for path in paths if (extent := chain.merged(path)) is not None]
        starts = [start for path in paths if (start := chain.start(path)) is not None]
        own = [start for start in starts if not any(start in range(*each.extent) for each in merged)]
        near = [*[start for start in own if start <= offset][-1:], *(start for start in own if start > offset)]
        try:
            found = [Standing(path, extent_of(store, chain, path)) for path in map(chain.path, near)]
        except FileNotFoundError:
            continue  # it was merged after it had been listed
        return [each for each in [*merged, *found] if each.extent.end > offset]
