"""Hashes that differ in few bits, such as PDQ's: all of a list within a radius, without a look at each.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): 256 bits are 16 bands of 16. Two hashes that differ in at most
31 bits differ in at most one bit in some band, since two in each of the 16 would be 32. So every hash within the
radius is among those that have, in some band, the same 16 bits but for one at most: 17 buckets a band, 272 in all,
which hold one in 241 of hashes whose bits are chance. Those are compared bit by bit, so what is found is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.known.exact import Hashes, Rows

RADIUS = 31
"""Bits of 256: what PDQ's authors recommend ("The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
Algorithm", Facebook 2019)."""
BANDS = BITS = 16
VALUES = 1 << BITS
FEW = 2048
"""Up to so many hashes a look at each is as quick, and needs no index."""
_ONE_OFF = np.array([0, *(1 << bit for bit in range(BITS))], np.uint16)
_BASE = np.arange(BANDS, dtype=np.intp)[:, np.newaxis] * (VALUES + 1)
_AT_ONCE = 1 << 13


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """N hashes. Build it with `Near.of`. 36 bytes a hash, and more than `FEW` of them 64 more, and 4 MB."""

    hashes: Hashes
    """``uint64[N,4]``"""
    rows: NDArray[np.uint32]
    """``uint32[N]``: which entry of its list each is."""
    starts: NDArray[np.uint32]
    """``uint32[16*65537]``, none for few: bucket v of band b is ``members[starts[b*65537+v]:]`` up to the next."""
    members: NDArray[np.uint32]
    """``uint32[16*N]``: indices in `hashes`."""

    @classmethod
    def of(cls, hashes: Hashes, rows: NDArray[np.uint32]) -> Near:
        """`rows` say which entries of a list have these hashes."""
        rows, none = rows.astype(np.uint32), np.zeros(0, np.uint32)
        if len(hashes) <= FEW:
            return cls(hashes, rows, none, none)
        bands = _bands(hashes)
        starts = np.zeros((BANDS, VALUES + 1), np.uint32)
        members = np.empty((BANDS, len(hashes)), np.uint32)
        for band in range(BANDS):
            counts = np.bincount(bands[:, band], minlength=VALUES)
            starts[band, 1:] = counts.cumsum()
            starts[band] += np.uint32(band * len(hashes))
            members[band] = bands[:, band].argsort(kind="stable")
        return cls(hashes, rows, starts.ravel(), members.ravel())

    def __len__(self) -> int:
        return len(self.hashes)

    def within(self, asked: NDArray[np.uint64]) -> tuple[Rows, NDArray[np.uint16]]:
        """All entries within `RADIUS` bits of one hash, ``uint64[4]``, by their rows, and how far each is."""
        among = self._candidates(asked)
        distances = _distances(self.hashes, asked) if among is None else _distances(self.hashes[among], asked)
        close = np.flatnonzero(distances <= RADIUS)
        found = close if among is None else among[close]
        found, first = np.unique(found, return_index=True)
        return self.rows[found].astype(np.intp), distances[close][first]

    def _candidates(self, asked: NDArray[np.uint64]) -> Rows | None:
        """The indices of those that may be near, some of them more than once; None for all."""
        if not len(self.starts):
            return None
        buckets = (_BASE + (_bands(asked[np.newaxis])[0][:, np.newaxis] ^ _ONE_OFF)).ravel()
        low = self.starts[buckets].astype(np.intp)
        counts = self.starts[buckets + 1].astype(np.intp) - low
        ends = counts.cumsum()
        if ends[-1] * 2 > len(self.hashes):
            return None  # hashes that are far from chance crowd a few buckets
        at = np.repeat(low - ends + counts, counts) + np.arange(ends[-1])
        found: Rows = self.members[at].astype(np.intp)
        return found


def _bands(hashes: Hashes) -> NDArray[np.uint16]:
    """``uint64[N,4]`` to ``uint16[N,16]``."""
    return hashes.view(np.uint16) if hashes.flags.c_contiguous else np.ascontiguousarray(hashes).view(np.uint16)


def _distances(hashes: Hashes, asked: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """``uint16[N]``: in how many bits each differs."""
    found = np.empty(len(hashes), np.uint16)
    for start in range(0, len(hashes), _AT_ONCE):
        bits = np.bitwise_count(hashes[start : start + _AT_ONCE] ^ asked)
        part = found[start : start + _AT_ONCE]
        np.add(bits[:, 0], bits[:, 1], out=part, dtype=np.uint16)
        part += bits[:, 2]
        part += bits[:, 3]
    return found
