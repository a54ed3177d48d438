"""One object of an archive without what is denied: its bytes are written anew, under the same name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.archive.denied import DenyList, columns_of, hidden
from pipeline.archive.segments import by_row_group, events_of, opened, parquet_bytes
from pipeline.errors import StoreError
from pipeline.ports import Store, Stored
from pipeline.rules.archive.denied import Denied, Kind


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


class Hiding(NamedTuple):
    """Which rows are meant: ``bool[N]`` of a table with those columns."""

    columns: Sequence[str]
    rows: Callable[[pa.Table], NDArray[np.bool_]]


def by_list(denied: Denied, kinds: Collection[Kind]) -> Hiding:
    """The rows of all that is denied by such a kind."""
    return Hiding(columns_of(denied, kinds), lambda rows: hidden(rows, denied, kinds))


def purge(store: Store, deny_list: DenyList, path: str, kinds: Collection[Kind]) -> Purged | None:
    """Take everything that is on the deny list out of a Parquet object; None where it holds nothing of the kind."""
    return purge_rows(store, path, lambda: by_list(deny_list.load(), kinds))


def purge_rows(store: Store, path: str, hiding: Callable[[], Hiding]) -> Purged | None:
    """Take rows out of a Parquet object; None where it has none of them.

    Only the version that was read is replaced: where another process was faster, it begins again with what that left.
    So nothing that somebody else took out comes back, and an object that is gone stays gone.
    """
    while (stored := _stored(store, path)) is not None:
        meant = hiding()
        if not meant.columns:
            return None
        try:
            data = store.read(path)
        except FileNotFoundError:
            return None
        try:
            with opened(pa.BufferReader(data), path) as file:
                gone = [rows for rows in found_in(file, meant) if len(rows)]
                if not gone:
                    return None
                after = _without(file, meant)
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"{path} is damaged: {str(error).splitlines()[0]}; move it away") from error
        if store.replace(path, after, stored.version):
            rows, events = sum(map(len, gone)), sum(map(_events, gone))
            return Purged(path, sha256(data).hexdigest(), sha256(after).hexdigest(), rows, events)
    return None


def found_in(file: pq.ParquetFile, meant: Hiding, *more: str) -> Iterator[pa.Table]:
    """Of each row group the rows that are meant, with the columns by which they are, ``view``, and more."""
    wanted = dict.fromkeys(each for each in ("view", *meant.columns, *more) if each in file.schema_arrow.names)
    for group in range(file.num_row_groups if meant.columns else 0):
        rows = file.read_row_group(group, columns=list(wanted))
        yield rows.filter(pa.array(meant.rows(rows)))


def _without(file: pq.ParquetFile, meant: Hiding) -> bytes:
    """The file with all that its metadata says, but without those rows."""
    tables = []
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group)
        tables.append(rows.filter(pa.array(~meant.rows(rows))))
    events = {"events": str(sum(map(_events, tables)))}
    if "views" in file.schema_arrow.names:
        return parquet_bytes(by_row_group(tables), events)
    return parquet_bytes(iter([pa.concat_tables(tables)]), events)


def _events(rows: pa.Table) -> int:
    return events_of(rows) if "view" in rows.column_names else len(rows)


def _stored(store: Store, path: str) -> Stored | None:
    return next((each for each in store.list(path) if each.path == path), None)
