"""Features as they lie in Redis, and back again only if they can be features: rubbish is found, never believed.

A text's value is ``float32[D]``. An image's is three ``uint32`` (its frames, V views, D) before ``float32[V,D]``.
All of it is little-endian.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.items import Features
from pipeline.ports import Remembered

_UNIT = 1e-3
_HEADER = struct.Struct("<3I")


def encode_vector(features: Features) -> bytes:
    """``float32[D]`` as bytes."""
    return np.ascontiguousarray(features, dtype="<f4").tobytes()


def decode_vectors(values: Mapping[str, bytes]) -> dict[str, Features]:
    """The vectors among the values, writable. Left out is what is none: wrong length, not finite, not of unit length.

    One pass for all values of a length: 1,000 of D = 512 take a tenth of what they take one by one.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for name, value in values.items():
        by_length[len(value)].append(name)
    vectors: dict[str, Features] = {}
    for length, names in by_length.items():
        if length and length % 4 == 0:
            joined = np.frombuffer(b"".join(values[name] for name in names), dtype="<f4")
            rows = joined.reshape(len(names), -1).astype(np.float32)
            vectors |= {name: row for name, row, good in zip(names, rows, _of_unit_length(rows), strict=True) if good}
    return vectors


def encode_image(remembered: Remembered) -> bytes:
    """``float32[V,D]`` and a number of frames as bytes: 12 + 4 * V * D of them."""
    features, frames = remembered
    return _HEADER.pack(frames, *features.shape) + np.ascontiguousarray(features, dtype="<f4").tobytes()


def decode_image(value: bytes, dimension: int) -> Remembered | None:
    """The features, read-only, and their frames; None for what cannot be an image's features of that dimension."""
    if len(value) < _HEADER.size:
        return None
    frames, views, columns = _HEADER.unpack_from(value)
    if not 1 <= frames <= views or columns != dimension or len(value) != _HEADER.size + 4 * views * columns:
        return None
    features = np.frombuffer(value, dtype="<f4", offset=_HEADER.size).reshape(views, columns)
    features = features.astype(np.float32, copy=False)
    features.flags.writeable = False
    return (features, frames) if _of_unit_length(features).all() else None


def _of_unit_length(rows: Features) -> NDArray[np.bool_]:
    """``bool[N]``; false where a number is not finite, whose comparison with anything is false."""
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        good: NDArray[np.bool_] = np.abs(lengths - 1.0) < _UNIT
    return good
