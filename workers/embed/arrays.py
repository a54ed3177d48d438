"""Rows of features as NumPy's ``.npz``, written without ever holding them: an array's header comes before its rows.

So the columns wait in temporary files until it is known how many rows there are and how long the longest text is.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from pipeline.signals import Provenance
from workers.embed.rows import matrix

TEXTS = ("image_id", "content_sha256", "text")
CHUNK = 1 << 20
TOGETHER = 4096
"""Texts that are held at once."""


class ArraysWriter:
    """Writes ``features``, ``float32[N,D]``, ``box``, ``float32[N,4]``, ``view`` and ``frame``, ``int32[N]``; texts.

    A text is empty where there is none; ``model`` and ``preprocess`` stand once.
    """

    def __init__(self, dimension: int, made_by: Provenance, path: Path) -> None:
        self._dimension = dimension
        self._made_by = made_by
        self._path = path
        self._rows = 0
        self._numbers = {name: _spool() for name in ("features", "box", "view", "frame")}
        self._texts = {name: _spool() for name in TEXTS}
        self._longest = dict.fromkeys(TEXTS, 1)

    def write(self, rows: pa.Table) -> None:
        self._rows += len(rows)
        box = np.stack([_filled(rows, edge, np.float32) for edge in ("left", "top", "right", "bottom")], axis=1)
        self._numbers["features"].write(matrix(rows, self._dimension).tobytes())
        self._numbers["box"].write(box.tobytes())
        for name in ("view", "frame"):
            self._numbers[name].write(_filled(rows, name, np.int32).tobytes())
        for name, spool in self._texts.items():
            values = [value or "" for value in rows[name].to_pylist()]
            self._longest[name] = max(self._longest[name], *map(len, values))
            spool.write("".join(json.dumps(value) + "\n" for value in values).encode())

    def close(self) -> None:
        shapes: dict[str, tuple[tuple[int, ...], str]] = {
            "features": ((self._rows, self._dimension), "<f4"),
            "box": ((self._rows, 4), "<f4"),
            "view": ((self._rows,), "<i4"),
            "frame": ((self._rows,), "<i4"),
        }
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_STORED) as file:
            for name, (shape, dtype) in shapes.items():
                _put(file, name, shape, dtype, _pieces(self._numbers[name]))
            for name, spool in self._texts.items():
                dtype = f"<U{self._longest[name]}"
                _put(file, name, (self._rows,), dtype, _arrays(spool, dtype))
            for name, value in (("model", self._made_by.model.fingerprint), ("preprocess", self._made_by.preprocess)):
                told = np.array(value)
                _put(file, name, (), told.dtype.str, iter([told.tobytes()]))

    def release(self) -> None:
        """Let go of the temporary files."""
        for spool in (*self._numbers.values(), *self._texts.values()):
            spool.close()


def _filled(rows: pa.Table, name: str, dtype: Any) -> np.ndarray:
    """The column's numbers, 0 where there is none."""
    return np.asarray(rows[name].fill_null(0).to_numpy(), dtype)


def _spool() -> IO[bytes]:
    return tempfile.TemporaryFile()


def _pieces(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while piece := spool.read(CHUNK):
        yield piece


def _arrays(spool: IO[bytes], dtype: str) -> Iterator[bytes]:
    spool.seek(0)
    while lines := list(islice(spool, TOGETHER)):
        yield np.array([json.loads(line) for line in lines], dtype).tobytes()


def _put(file: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: str, data: Iterator[bytes]) -> None:
    with file.open(f"{name}.npy", "w", force_zip64=True) as array:
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(array, header)
        for piece in data:
            array.write(piece)
