"""Exact hashes: sorted words and a binary search, 36 bytes a hash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORDS = 4
"""Of 64 bits: both kinds of hash have 256 bits."""
DIGITS = 64
"""Hex digits of such a hash."""
Hashes = NDArray[np.uint64]
"""``uint64[N,4]``, the first bits of a hash highest in its first word."""
Rows = NDArray[np.intp]


def words_of(hashes: bytes) -> Hashes:
    """Hashes of 32 bytes each, one behind the other, to ``uint64[N,4]``."""
    return np.frombuffer(hashes, ">u8").reshape(-1, WORDS).astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """N different hashes, in order. Build it with `Exact.of`."""

    first: NDArray[np.uint64]
    """``uint64[N]``: the first word of each, ascending."""
    rest: NDArray[np.uint64]
    """``uint64[N,3]``"""
    rows: NDArray[np.uint32]
    """``uint32[N]``: which entry of its list each is."""

    @classmethod
    def of(cls, hashes: Hashes, rows: NDArray[np.uint32]) -> Exact:
        """`rows` say which entries of a list have these hashes."""
        order = ordered(hashes)
        return cls(hashes[order, 0].copy(), hashes[order, 1:].copy(), rows[order].astype(np.uint32))

    def __len__(self) -> int:
        return len(self.first)

    @property
    def hashes(self) -> Hashes:
        """``uint64[N,4]``: a copy."""
        return np.column_stack([self.first, self.rest])

    def find(self, hashes: Hashes) -> Rows:
        """``intp[I]``: for each of I hashes which entry has it, -1 for none."""
        found = np.full(len(hashes), -1, np.intp)
        low = self.first.searchsorted(hashes[:, 0], "left")
        high = self.first.searchsorted(hashes[:, 0], "right")
        one = np.flatnonzero(high - low == 1)  # as nearly always: 64 bits tell a million hashes apart
        same = (self.rest[low[one]] == hashes[one, 1:]).all(axis=1)
        found[one[same]] = self.rows[low[one[same]]]
        for image in np.flatnonzero(high - low > 1).tolist():
            run = slice(int(low[image]), int(high[image]))
            same = np.flatnonzero((self.rest[run] == hashes[image, 1:]).all(axis=1))
            if len(same):
                found[image] = self.rows[run.start + int(same[0])]
        return found

    def repeated(self) -> list[tuple[int, int]]:
        """Each entry whose hash an earlier one has, with the first that has it."""
        found, first = [], -1
        same = self.first[1:] == self.first[:-1]
        if same.any():
            same &= (self.rest[1:] == self.rest[:-1]).all(axis=1)
        for at in np.flatnonzero(same).tolist():
            if at == 0 or not same[at - 1]:
                first = int(self.rows[at])
            found.append((int(self.rows[at + 1]), first))
        return sorted(found)


def ordered(hashes: Hashes) -> Rows:
    """The order in which hashes ascend; of equal ones the first stays first."""
    order = hashes[:, 0].argsort(kind="stable")
    first = hashes[order, 0]
    if not (first[1:] == first[:-1]).any():
        return order
    return np.lexsort(hashes.T[::-1])


NO_HASHES = Exact.of(words_of(b""), np.zeros(0, np.uint32))
