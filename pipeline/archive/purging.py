"""One object of an archive without what is denied: its bytes are written anew, under the same name."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.archive.denied import DenyList, columns_of, hidden, shown
from pipeline.archive.segments import by_row_group, events_of, opened, parquet_bytes
from pipeline.ports import Store, Stored
from pipeline.rules.archive.denied import Denied, Kind

if TYPE_CHECKING:
    import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of an object's bytes; the hashes are sha256 in hex."""

    path: str
    before: str
    after: str
    rows: int
    """How many are gone."""
    events: int
    """How many events had those rows; of a table without views each row counts."""


def purge(store: Store, deny_list: DenyList, path: str, kinds: Collection[Kind]) -> Purged | None:
    """Take everything that is on the deny list out of a Parquet object; None where it holds nothing of the kind.

    Only the version that was read is replaced: where another process was faster, it begins again with what that left.
    So nothing that somebody else took out comes back, and an object that is gone stays gone.
    """
    while (stored := _stored(store, path)) is not None:
        denied = deny_list.load()
        try:
            data = store.read(path)
        except FileNotFoundError:
            return None
        with opened(pa.BufferReader(data), path) as file:
            gone = [rows for rows in _of_kinds(file, denied, kinds) if len(rows)]
            if not gone:
                return None
            after = rewritten(file, denied, kinds)
        if store.replace(path, after, stored.version):
            rows, events = sum(map(len, gone)), sum(map(_events, gone))
            return Purged(path, sha256(data).hexdigest(), sha256(after).hexdigest(), rows, events)
    return None


def rewritten(file: pq.ParquetFile, denied: Denied, kinds: Collection[Kind]) -> bytes:
    """The file with all that its metadata says, but without the rows that are denied."""
    tables = [shown(file.read_row_group(group), denied, kinds) for group in range(file.num_row_groups)] or [
        file.schema_arrow.empty_table()
    ]
    if "views" not in file.schema_arrow.names:
        return parquet_bytes(iter([pa.concat_tables(tables)]), {})
    return parquet_bytes(by_row_group(tables), {"events": str(sum(map(events_of, tables)))})


def holds(file: pq.ParquetFile, denied: Denied, kinds: Collection[Kind]) -> bool:
    """Whether anything in it is denied."""
    return any(len(rows) for rows in _of_kinds(file, denied, kinds))


def _of_kinds(file: pq.ParquetFile, denied: Denied, kinds: Collection[Kind]) -> Iterator[pa.Table]:
    """Of each row group the rows that are denied, with the columns by which they are and ``view``."""
    there = file.schema_arrow.names
    wanted = [each for each in ("view", *columns_of(denied, kinds)) if each in there]
    if not columns_of(denied, kinds):
        return
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=wanted)
        yield rows.filter(pa.array(hidden(rows, denied, kinds)))


def _events(rows: pa.Table) -> int:
    return events_of(rows) if "view" in rows.column_names else len(rows)


def _stored(store: Store, path: str) -> Stored | None:
    return next((each for each in store.list(path) if each.path == path), None)
