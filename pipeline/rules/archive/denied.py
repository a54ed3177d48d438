"""Who is erased, as digests of what names them: the list itself names nobody.

A digest cannot be turned round, but whoever has a name at hand can see whether it is on the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

_WORD, _SAMPLES = 8, 5
"""A screen goes by five words of eight bytes, spread evenly over the value: by all of one of 40 bytes or less."""
_BLOCK = 4096
"""Values that are screened at once; arrays of that size stay in the processor's nearest cache."""
_SCREENS = 1 << 16


class Kind(StrEnum):
    """By what an erasure finds an image's rows."""

    IMAGE = "image"
    SHA256 = "sha256"
    SUBJECT = "subject"
    EVENT = "event"
    """Of what one of the others found, so that its reviews are found as well."""


COLUMNS: Mapping[Kind, str] = {
    Kind.IMAGE: "image_id",
    Kind.SHA256: "content_sha256",
    Kind.SUBJECT: "subject",
    Kind.EVENT: "event_id",
}
"""Where a table of the archive has the values of each kind."""


@dataclass(frozen=True, slots=True, order=True)
class Erased:
    """What is erased. ``screen`` is a hash of 16 bits, which many values share.

    numpy computes the screens of a whole column, and only what shares one is hashed.
    """

    kind: Kind
    digest: str
    screen: int


def erased(kind: Kind, value: str) -> Erased:
    """What stands on the list for a value that names someone or something. Raises ``ValueError`` for an empty one."""
    if not value:
        raise ValueError(f"an erasure by {kind} needs a value")
    data = np.frombuffer(_bytes(value), np.uint8)
    screen = screens(np.array([0]), np.array([len(data)]), data)
    return Erased(kind, _digest(kind, value), int(screen[0]))


def screens(starts: NDArray[np.int64], ends: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """``uint16[N]``: for each of N values, which lie in `data` from ``starts[n]`` to ``ends[n]``, its screen."""
    padded = np.append(data, np.zeros(_WORD, np.uint8))
    words = np.ndarray(len(data) + 1, "<u8", padded, strides=(1,))
    found = np.empty(len(starts), np.uint16)
    for at in range(0, len(starts), _BLOCK):
        block = slice(at, at + _BLOCK)
        found[block] = _screens(starts[block], ends[block] - starts[block], words)
    return found


def _screens(starts: NDArray[np.int64], lengths: NDArray[np.int64], words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    spare = np.maximum(lengths - _WORD, 0)
    within = np.uint64(2**64 - 1) >> (8 * np.maximum(_WORD - lengths, 0) % 64).astype(np.uint64)
    mixed = lengths.astype(np.uint64)
    for sample in range(_SAMPLES):
        word = words[starts + (spare * sample >> 2)] & within
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return mixed >> np.uint64(48)


@dataclass(frozen=True)
class Denied:
    """All that is erased. False where nothing is."""

    entries: frozenset[Erased] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def with_more(self, entries: Iterable[Erased]) -> Denied:
        """These and those; the same object where nothing is new."""
        more = self.entries.union(entries)
        return self if len(more) == len(self.entries) else Denied(more)

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that anything is erased by."""
        return frozenset(each.kind for each in self.entries)

    def means(self, kind: Kind, value: str | None) -> bool:
        """Whether what this value names is erased."""
        return bool(value) and kind in self.kinds and _digest(kind, value or "") in self._digests

    def screened(
        self, kind: Kind, starts: NDArray[np.int64], ends: NDArray[np.int64], data: NDArray[np.uint8]
    ) -> NDArray[np.bool_]:
        """``bool[N]``: which of N values are erased; they lie in `data` as for `screens`.

        Only those whose screen is on the list are hashed, since that costs ten times as much.
        """
        found: NDArray[np.bool_] = self._screens[kind][screens(starts, ends, data)]
        for maybe in np.flatnonzero(found):
            value = data[starts[maybe] : ends[maybe]].tobytes()
            found[maybe] = sha256(f"{kind}\0".encode() + value).hexdigest() in self._digests
        return found

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(each.digest for each in self.entries)

    @cached_property
    def _screens(self) -> dict[Kind, NDArray[np.bool_]]:
        tables = {kind: np.zeros(_SCREENS, np.bool_) for kind in Kind}
        for each in self.entries:
            tables[each.kind][each.screen] = True
        return tables


NOBODY = Denied()


def _digest(kind: Kind, value: str) -> str:
    return sha256(f"{kind}\0".encode() + _bytes(value)).hexdigest()


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")
