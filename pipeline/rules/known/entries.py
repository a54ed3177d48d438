"""What the entries of a list say beside their hashes: whole columns, since a list may have a million of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.known.exact import Exact
from pipeline.rules.known.near import Near
from pipeline.wire import Action

KINDS = ("sha256", "pdq")
ACTIONS: tuple[Action | None, ...] = (None, "label", "review", "block")
"""By the number that stands for it in `Entries.actions`."""
FOR_EVER = int(np.iinfo(np.int32).max)
"""The last day of an entry that does not expire."""
_DAY = 86_400
_EPOCH = date(1970, 1, 1)


def day_of(now: float) -> int:
    """The day in UTC, counted from 1970, of a time in seconds since then."""
    return int(now // _DAY)


def day_number(day: date) -> int:
    return (day - _EPOCH).days


@dataclass(frozen=True, eq=False)
class Entries:
    """N entries of one CSV file, by the order in which they stand in it: 13 bytes each, and their notes."""

    exact: Exact
    """Those of kind sha256."""
    near: Near
    """Those of kind pdq."""
    lines: NDArray[np.uint32]
    """``uint32[N]``: the line of each."""
    last_days: NDArray[np.int32]
    """``int32[N]``: the last day on which each counts, as `day_of` counts."""
    actions: NDArray[np.uint8]
    """``uint8[N]``: what each asks for, as its index in `ACTIONS`."""
    notes: bytes
    """The notes of all, one behind the other, in UTF-8."""
    note_ends: NDArray[np.uint32]
    """``uint32[N]``: where each note ends in `notes`."""

    def __len__(self) -> int:
        return len(self.lines)

    def note(self, entry: int) -> str:
        start = int(self.note_ends[entry - 1]) if entry else 0
        return self.notes[start : int(self.note_ends[entry])].decode()

    def expired_by(self, day: int) -> int:
        """On how many different days entries expired before that one, as `day_of` counts."""
        return int(np.searchsorted(self._days, day))

    def steady(self, day: int) -> tuple[int, int]:
        """The first and the last day on which the same entries count as on that one."""
        at = self.expired_by(day)
        first = int(self._days[at - 1]) + 1 if at else -FOR_EVER
        return first, int(self._days[at]) if at < len(self._days) else FOR_EVER

    @cached_property
    def _days(self) -> NDArray[np.int32]:
        return np.unique(self.last_days)

    def expires(self, entry: int) -> str | None:
        """The last day on which it counts, as a date; None for ever."""
        last = int(self.last_days[entry])
        return None if last == FOR_EVER else (_EPOCH + timedelta(days=last)).isoformat()
