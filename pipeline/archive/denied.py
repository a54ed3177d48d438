"""The deny list as it lies in an archive, below ``erased/``: an object for each erasure, which stays for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Lock

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import StoreError
from pipeline.ports import Store
from pipeline.rules.archive.denied import COLUMNS, NOBODY, Denied, Erased, Kind
from pipeline.rules.archive.names import ERASED

OF_ROWS = (Kind.IMAGE, Kind.SHA256, Kind.SUBJECT)
"""By what rows of a segment are hidden; each of an image's reviews is by its image or its event."""
OF_REVIEWS = (Kind.IMAGE, Kind.EVENT)
_AT_ONCE = 16
"""Entries that are read at the same time, since a bucket answers each after some 20 ms."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the list. ``at`` is RFC 3339."""

    format: str = "1"
    at: str
    by: str = ""
    denied: list[Erased]


class DenyList:
    """Who is erased from an archive. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._denied, self._seen = NOBODY, frozenset[str]()
        self._lock = Lock()

    def load(self) -> Denied:
        """All that is on the list by now; the same object as the last time where nothing has come.

        Lists the store, and reads what it has not read. Raises `StoreError` for an entry that cannot be read: what it
        hides is not known, so that nothing may be shown.
        """
        with self._lock:
            paths = [each.path for each in self._store.list(ERASED)]
            new = [path for path in paths if path not in self._seen]
            if new:
                with ThreadPoolExecutor(min(_AT_ONCE, len(new))) as pool:
                    entries = list(pool.map(self._read, new))
                self._denied = self._denied.with_more(each for entry in entries for each in entry.denied)
                self._seen = self._seen.union(new)
            return self._denied

    def add(self, denied: Iterable[Erased], at: str, by: str = "") -> str:
        """Put all of these on the list, durably, and return the path of their object.

        The same ones have the same path, so that to add them again changes nothing.
        """
        entry = Entry(at=at, by=by, denied=sorted(set(denied)))
        said = "".join(f"{each.kind} {each.digest}\n" for each in entry.denied)
        path = f"{ERASED}{sha256(said.encode()).hexdigest()}.json"
        self._store.create(path, msgspec.json.encode(entry))
        return path

    def _read(self, path: str) -> Entry:
        try:
            return msgspec.json.decode(self._store.read(path), type=Entry)
        except (msgspec.DecodeError, FileNotFoundError) as error:
            raise StoreError(
                f"{path} in the archive {self._store.address} cannot be read, so who is erased is not known and"
                f" nothing may be shown: {error}; restore it, or remove it and erase again what it was of"
            ) from error


def columns_of(denied: Denied, kinds: Collection[Kind] = OF_ROWS) -> list[str]:
    """The columns that `hidden` needs to see; none where nothing is erased by such a kind."""
    return [COLUMNS[kind] for kind in kinds if kind in denied.kinds]


def hidden(rows: pa.Table, denied: Denied, kinds: Collection[Kind] = OF_ROWS) -> NDArray[np.bool_]:
    """``bool[N]``: which of the rows are of what is erased. They need the columns of `columns_of`."""
    found = np.zeros(len(rows), np.bool_)
    for kind in kinds:
        if kind in denied.kinds:
            found |= denied.screened(kind, *_strings(rows[COLUMNS[kind]]))
    return found


def shown(rows: pa.Table, denied: Denied, kinds: Collection[Kind] = OF_ROWS) -> pa.Table:
    """The rows that are not hidden: the very same table where none is."""
    if not denied:
        return rows
    gone = hidden(rows, denied, kinds)
    return rows.filter(pa.array(~gone)) if gone.any() else rows


def _strings(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Where each string starts and ends, and the bytes of all; one that is missing is empty."""
    array = column.cast(pa.large_string()).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_string())
    _, offsets, data = array.buffers()
    if offsets is None or not len(array):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return ends[:-1], ends[1:], np.frombuffer(b"" if data is None else data, np.uint8)
