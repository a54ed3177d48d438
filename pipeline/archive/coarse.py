"""Features in one byte a number: with them a product of small integers says what most rows cannot score.

A row ``x`` is turned by an orthogonal matrix, which spreads what stands out in a few of its numbers over many, and is
kept as ``step * codes``. The length of what this leaves out of it is kept beside it: by the inequality of Cauchy and
Schwarz, no product with a text of length 1 errs by more. `COARSE` names the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.archive.schema import halves_of

F = TypeVar("F", bound=np.floating)
N = TypeVar("N", bound=np.generic)

COARSE = ("coarse", "coarse_step", "coarse_error")
MOST = 127
"""The greatest code, in size."""
_WIDEST = 128
"""Numbers over which one is spread, at most: more cost more, and do not spread it better."""
_ROUNDING = 1e-5
"""More than float32 loses of a row's length while it is turned and measured."""
_AT_ONCE = 512
"""Rows that are put into codes at a time: what is made of them does not leave the cache."""
_MIXED, _BIT = 2654435761, 15


@dataclass(frozen=True, slots=True)
class Coarse:
    """V rows: each is ``step * codes`` when it is turned, but for something no longer than ``error``."""

    codes: Sequence[NDArray[np.int8]]
    """``int8[V,D]``, in pieces."""
    steps: NDArray[np.float32]
    """``float32[V]``"""
    errors: NDArray[np.float32]
    """``float32[V]``; infinite for a row that is not finite."""

    @classmethod
    def of(cls, features: NDArray[np.float16]) -> Coarse:
        """``float16[V,D]`` as they are kept."""
        some = [_coarse(features[at : at + _AT_ONCE]) for at in range(0, max(1, len(features)), _AT_ONCE)]
        codes, steps, errors = zip(*some, strict=True)
        return cls(codes, np.concatenate(steps), np.concatenate(errors))

    def holds(self, rows: NDArray[np.intp], features: NDArray[np.float16]) -> bool:
        """Whether these rows, which have these features, are as near to them as is said."""
        said = self.some(rows)
        near = said.codes[0] * said.steps[:, np.newaxis].astype(np.float64)
        apart = turned(features.astype(np.float64)) - near
        return bool((np.linalg.norm(apart, axis=1) <= said.errors).all())

    def some(self, rows: NDArray[np.intp]) -> Coarse:
        """These rows alone, copied."""
        starts = np.cumsum([0, *map(len, self.codes)])
        pieces = starts.searchsorted(rows, "right") - 1
        codes = np.stack([self.codes[piece][row - starts[piece]] for piece, row in zip(pieces, rows, strict=True)])
        return Coarse([codes], self.steps[rows], self.errors[rows])

    def part(self, start: int, end: int) -> Coarse:
        """These rows alone, where they lie."""
        return Coarse(within(self.codes, start, end), self.steps[start:end], self.errors[start:end])

    def columns(self) -> dict[str, pa.Array]:
        """As a segment holds them."""
        codes = np.ascontiguousarray(np.concatenate(self.codes))
        kind, data = pa.binary(codes.shape[1]), [None, pa.py_buffer(codes)]
        made = (
            pa.FixedSizeBinaryArray.from_buffers(kind, len(codes), data),
            *map(pa.array, (self.steps, self.errors)),
        )
        return dict(zip(COARSE, made, strict=True))


def _coarse(features: NDArray[np.float16]) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]:
    found = turned(features.astype(np.float32))
    highest = np.maximum(found.max(axis=1, initial=0), -found.min(axis=1, initial=0))
    finite = np.isfinite(highest)
    if not finite.all():
        found, highest = np.where(finite[:, np.newaxis], found, 0), np.where(finite, highest, 0)
    steps = np.asarray(highest / np.float32(MOST))
    inverse = np.divide(1, steps, out=np.zeros_like(steps), where=steps > 0)
    codes = np.rint(found * inverse[:, np.newaxis]).clip(-MOST, MOST).astype(np.int8)
    found -= codes * steps[:, np.newaxis]
    left = np.sqrt(np.einsum("vd,vd->v", found, found)) * np.float32(1 + 1e-4) + np.float32(_ROUNDING)
    return codes, steps, np.where(finite, left, np.float32(np.inf))


def with_coarse(rows: pa.Table) -> pa.Table:
    """The rows of a segment, with these columns also where an earlier release wrote none, or merged what had none."""
    if COARSE[0] in rows.column_names:
        if not any(rows[name].null_count for name in COARSE):
            return rows
        rows = rows.drop_columns(list(COARSE))
    at, coarse = rows.column_names.index("features"), Coarse.of(halves_of(rows["features"].combine_chunks()))
    for name, column in reversed(coarse.columns().items()):
        rows = rows.add_column(at, name, column)
    return rows


def within(pieces: Sequence[NDArray[N]], start: int, end: int) -> list[NDArray[N]]:
    """Of rows that lie in pieces, one after the other, those from `start` to `end`."""
    firsts = np.cumsum([0, *map(len, pieces)]).tolist()
    parts = (piece[max(0, start - first) : max(0, end - first)] for first, piece in zip(firsts, pieces, strict=False))
    return [part for part in parts if len(part)]


def turned(rows: NDArray[F]) -> NDArray[F]:
    """``[N,D]`` times an orthogonal matrix, which stays as it is, since archives hold rows that were turned by it.

    It changes the sign of some numbers and makes Hadamard's transform of each 128 of them, or of the greatest power
    of 2 that divides D.
    """
    dimension = rows.shape[1]
    width = min(_WIDEST, dimension & -dimension)
    mixed = (rows * _signs(dimension).astype(rows.dtype)).reshape(-1, width)
    return np.asarray(mixed @ _hadamard(width).astype(rows.dtype)).reshape(rows.shape)


def _signs(dimension: int) -> NDArray[np.int64]:
    """1 and -1, in no pattern that features have."""
    return 1 - 2 * (np.arange(dimension) * _MIXED >> _BIT & 1)


@cache
def _hadamard(width: int) -> NDArray[np.float64]:
    """Sylvester's matrix of that size, a power of 2, made orthogonal."""
    made = np.ones((1, 1))
    while len(made) < width:
        made = np.block([[made, made], [made, -made]])
    return np.asarray(made / np.sqrt(width))
