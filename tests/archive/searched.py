"""Every byte of an archive, as tests look for what must not be there."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ports import Store


def everything(store: Store) -> Iterator[tuple[str, bytes]]:
    """The bytes of every object, and of every value in it once it is decompressed."""
    for stored in store.list():
        data = store.read(stored.path)
        yield stored.path, data
        if stored.path.endswith(".parquet"):
            with pq.ParquetFile(pa.BufferReader(data)) as file:
                yield stored.path, repr(file.metadata.to_dict()).encode()
                for row in file.read().to_pylist():
                    for value in row.values():
                        yield stored.path, value if isinstance(value, bytes) else str(value).encode()


def holding(store: Store, *needles: bytes) -> dict[bytes, set[str]]:
    """Which of these bytes are anywhere, each with the paths of the objects that have them."""
    found: dict[bytes, set[str]] = {}
    for path, data in everything(store):
        for needle in needles:
            if needle in data:
                found.setdefault(needle, set()).add(path)
    return found
