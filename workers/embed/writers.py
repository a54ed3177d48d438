"""Where rows of features go: a Parquet file, an ``.npz``, or JSON lines. Each holds a few thousand rows at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.schema import PREFIX
from pipeline.errors import ServiceError, StopError, UsageError
from pipeline.lab.files import is_device
from pipeline.signals import Provenance
from workers.embed.arrays import ArraysWriter
from workers.embed.rows import columns, matrix

ROWS = 16_384
"""Rows of a row group, as in a segment."""
DIGITS = 7
"""Decimals of a number in JSON: two neighbouring float16 numbers differ by more, but for tiny ones."""
SUFFIXES = {".parquet": "parquet", ".npz": "npz", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


class Writer(Protocol):
    """Takes rows in the order in which they come."""

    def write(self, rows: pa.Table) -> None: ...

    def close(self) -> None:
        """Write what is held back. Not called where the work failed."""

    def discard(self) -> None:
        """Remove what is not whole; nothing happens once it is closed."""


class JsonLines:
    """An object a line, with the features as a list of numbers."""

    def __init__(self, dimension: int, put: Callable[[str], object]) -> None:
        self._dimension = dimension
        self._put = put

    def write(self, rows: pa.Table) -> None:
        features = matrix(rows, self._dimension).astype(float).round(DIGITS)
        for row, numbers in zip(rows.drop_columns(["features"]).to_pylist(), features.tolist(), strict=True):
            said = {name: value for name, value in row.items() if value is not None}
            self._put(json.dumps({**said, "features": numbers}))

    def close(self) -> None:
        """Nothing is held back."""

    def discard(self) -> None:
        """Lines stay where they are."""


class ParquetRows:
    """A Parquet file, its features plain and uncompressed as in a segment."""

    def __init__(self, dimension: int, made_by: Provenance, path: Path) -> None:
        kept = columns(dimension)
        told = {
            "fingerprint": made_by.model.fingerprint,
            "preprocess": made_by.preprocess,
            "dimension": str(dimension),
        }
        words = [field.name for field in kept if pa.types.is_dictionary(field.type)]
        compression = {name: "none" if name == "features" else "zstd" for name in kept.names}
        keyed = kept.with_metadata({PREFIX + key: value for key, value in told.items()})
        self._file = pq.ParquetWriter(path, keyed, compression=compression, use_dictionary=words)
        self._schema, self._waiting = keyed, list[pa.Table]()

    def write(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= ROWS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self.release()

    def release(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            rows = pa.concat_tables(self._waiting).unify_dictionaries()
            self._file.write_table(rows.replace_schema_metadata(self._schema.metadata), row_group_size=2 * ROWS)
            self._waiting = []


def format_of(out: Path | None, given: str | None) -> str:
    """By ``--format``, else by the file's suffix. Raises `UsageError` where neither says."""
    if given is None and out is not None:
        given = SUFFIXES.get(out.suffix.lower())
        if given is None:
            raise UsageError(f"--out {out}: end its name in {', '.join(SUFFIXES)}, or say --format parquet|npz|jsonl")
    chosen = given or "jsonl"
    if out is None and chosen != "jsonl":
        raise UsageError(f"--format {chosen} needs --out FILE; only JSON lines go to standard output")
    return chosen


class ToFile:
    """A writer's file, which bears its name once it is whole: whoever finds it finds all of it."""

    def __init__(self, path: Path, chosen: str, dimension: int, made_by: Provenance) -> None:
        self._path, self._in_place = path, is_device(path)
        self._part = path if self._in_place else path.with_name(f".{path.name}.{os.getpid()}.part")
        self._held = ExitStack()
        try:
            self._write, self._end = _opened(self._part, chosen, dimension, made_by, self._held)
        except OSError as error:
            raise _cannot(path, error) from error

    def write(self, rows: pa.Table) -> None:
        """Raises `StopError` where the disk does not take them."""
        try:
            self._write(rows)
        except OSError as error:
            raise StopError(str(_cannot(self._path, error))) from error

    def close(self) -> None:
        try:
            self._end()
            self._held.close()
            if self._in_place:
                return
            with self._part.open("rb+") as file:
                os.fsync(file.fileno())
            self._part.replace(self._path)
        except OSError as error:
            raise _cannot(self._path, error) from error

    def discard(self) -> None:
        self._held.close()
        if not self._in_place:
            self._part.unlink(missing_ok=True)


def _opened(
    part: Path, chosen: str, dimension: int, made_by: Provenance, held: ExitStack
) -> tuple[Callable[[pa.Table], object], Callable[[], object]]:
    """How rows are written, and how the file is ended. What is open is `held`, be it ended or not."""
    if chosen == "parquet":
        rows = ParquetRows(dimension, made_by, part)
        held.callback(rows.release)
        return rows.write, rows.close
    if chosen == "npz":
        arrays = ArraysWriter(dimension, made_by, part)
        held.callback(arrays.release)
        return arrays.write, arrays.close
    file = part.open("w", encoding="utf-8")
    held.callback(file.close)
    return JsonLines(dimension, lambda line: file.write(line + "\n")).write, file.flush


def _cannot(path: Path, error: OSError) -> ServiceError:
    return ServiceError(f"cannot write {path}: {error.strerror or error}; make room, or name another file with --out")
