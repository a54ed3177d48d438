"""Which few images of many are told of, by rules that do not depend on how the many were divided."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.archive.names import SegmentName, parse_path

_STEP = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST = np.uint64(31)


class Image(Protocol):
    """An image that may be told of."""

    @property
    def segment(self) -> str:
        """The path of its segment."""

    @property
    def record(self) -> int:
        """Its offset in the features topic."""

    @property
    def score(self) -> float | None: ...


Some = TypeVar("Some", bound=Image)


def lots(name: SegmentName, records: NDArray[np.int64]) -> NDArray[np.uint64]:
    """``uint64[N]``: for records of a segment, numbers that look as if chance had drawn them, the same every time.

    The mixing is that of splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    """
    where = crc32(f"{name.topic}-{name.partition}".encode())
    mixed = (records.astype(np.uint64) + (np.uint64(where) << np.uint64(32))) * _STEP
    for shift, factor in _ROUNDS:
        mixed = (mixed ^ (mixed >> shift)) * factor
    return np.asarray(mixed ^ (mixed >> _LAST))


def drawn(images: Iterable[Some], most: int) -> tuple[Some, ...]:
    """Those with the lowest lots, so that each of the many had the same chance."""
    return tuple(sorted(images, key=_lot)[:most])


def nearest(images: Iterable[Some], threshold: float, most: int) -> tuple[Some, ...]:
    """Those whose scores are nearest to it; of equals the first in the archive."""

    def far(each: Image) -> tuple[float, str, int]:
        return abs((each.score or 0.0) - threshold), each.segment, each.record

    return tuple(sorted(images, key=far)[:most])


def lot_of(image: Image) -> int:
    """As `lots` gives it."""
    return _lot_of(image.segment, image.record)


@lru_cache(1024)
def _lot_of(segment: str, record: int) -> int:
    """Remembered: those that are kept are compared with each that comes."""
    name = parse_path(segment)
    return int(lots(name, np.array([record]))[0]) if name is not None else 0


def _lot(each: Image) -> tuple[int, str, int]:
    return lot_of(each), each.segment, each.record
