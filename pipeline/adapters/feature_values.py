"""Features as they lie in Redis or on disk, and back again only if they can be features: rubbish is never believed.

A text's value is ``float32[D]``. An image's is three ``uint32`` (V views, D, unseen
frames), then ``REGION[V]`` and ``float16[V,D]``, which is all that signals have.
All of it is little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.archive.remembered import HALF
from pipeline.signals import REGION, Features, Regions

FLOAT = 4
"""Bytes of a number of a text's features."""
_UNIT = 1e-3
_HEADER = struct.Struct("<3I")


def encode_vector(features: Features) -> bytes:
    """``float32[D]`` as bytes."""
    return np.ascontiguousarray(features, dtype="<f4").tobytes()


def decode_vectors(values: Mapping[str, bytes], dimension: int) -> dict[str, Features]:
    """The vectors of that dimension among the values, writable, without what is not finite or not of unit length.

    One pass for all: 1,000 of D = 512 take a tenth of what they take one by one.
    """
    names = [name for name, value in values.items() if len(value) == FLOAT * dimension]
    if not names or not dimension:
        return {}
    rows = np.frombuffer(b"".join(values[name] for name in names), dtype="<f4").reshape(len(names), dimension)
    rows = rows.astype(np.float32)
    return {name: row for name, row, good in zip(names, rows, _of_unit_length(rows), strict=True) if good}


def image_bytes(views: int, dimension: int) -> int:
    """How many bytes an image of that many views takes."""
    return _HEADER.size + views * (REGION.itemsize + HALF.itemsize * dimension)


def encode_image(features: Features, regions: Regions, unseen: int = 0) -> bytes:
    """``float32[V,D]``, ``REGION[V]`` and the unseen frames as bytes: 12 + V * (20 + 2 * D) of them."""
    values = np.ascontiguousarray(features, dtype=HALF).tobytes()
    return _HEADER.pack(*features.shape, unseen) + np.ascontiguousarray(regions, dtype=REGION).tobytes() + values


def decode_image(value: bytes, dimension: int) -> tuple[Features, Regions, int] | None:
    """Features and regions, read-only, and the unseen frames; None for what cannot be signals of that dimension."""
    if len(value) < _HEADER.size:
        return None
    views, columns, unseen = _HEADER.unpack_from(value)
    if not views or columns != dimension or len(value) != image_bytes(views, columns):
        return None
    regions = np.frombuffer(value, dtype=REGION, count=views, offset=_HEADER.size)
    halves = np.frombuffer(value, dtype=HALF, offset=_HEADER.size + regions.nbytes).reshape(views, columns)
    features: Features = halves.astype(np.float32)
    features.flags.writeable = False
    return (features, regions, unseen) if _are_boxes(regions) and _of_unit_length(features).all() else None


def _are_boxes(regions: Regions) -> bool:
    """Whether each is a part of a picture: 0 <= left < right <= 1, and likewise down. NaN is no part of any."""
    box = regions["box"]
    start, end = box[:, :2], box[:, 2:]
    return bool(((start >= 0) & (start < end) & (end <= 1)).all())


def _of_unit_length(rows: Features) -> NDArray[np.bool_]:
    """``bool[N]``: whether each row has length 1; false, too, where a number in it is not finite."""
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        good: NDArray[np.bool_] = np.abs(lengths - 1.0) < _UNIT
    return good
