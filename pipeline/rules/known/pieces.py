"""The columns of a list while it is read, in pieces, and the `Entries` that come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.known.entries import ACTIONS, FOR_EVER, KINDS, Entries
from pipeline.rules.known.exact import Exact, words_of
from pipeline.rules.known.near import Near

Wrong = tuple[int, str]
"""A line, and what is wrong with it."""
NUMBER_OF_ACTION: dict[str, int] = {action or "": number for number, action in enumerate(ACTIONS)}


class Columns(NamedTuple):
    """What some lines of the file say, still as text: as many values in each column, in their order."""

    kind: Sequence[str]
    hash: Sequence[str]
    action: Sequence[str]
    note: Sequence[str]
    expires: Sequence[str]


@dataclass(slots=True)
class Pieces:
    """What has been read so far."""

    wrong: list[Wrong] = field(default_factory=list)
    days: dict[str, int] = field(default_factory=lambda: {"": FOR_EVER})
    """What was made of each text under ``expires``: a list has few different ones."""
    entries: int = 0
    _hashes: list[bytes] = field(default_factory=list)
    _kinds: list[bytes] = field(default_factory=list)
    _lines: list[NDArray[np.uint32]] = field(default_factory=list)
    _last_days: list[NDArray[np.int32]] = field(default_factory=list)
    _actions: list[bytes] = field(default_factory=list)
    _notes: list[bytes] = field(default_factory=list)
    _note_lengths: list[NDArray[np.uint32]] = field(default_factory=list)

    def add(self, lines: Sequence[int], columns: Columns, hashes: bytes) -> None:
        """Take in lines in which nothing is wrong."""
        notes = [note.encode() for note in columns.note]
        self.add_numbers(
            np.array(lines, np.uint32),
            hashes,
            bytes(map(KINDS.index, columns.kind)),
            bytes(map(NUMBER_OF_ACTION.__getitem__, columns.action)),
            np.array([*map(self.days.__getitem__, columns.expires)], np.int32),
            b"".join(notes),
            np.array([*map(len, notes)], np.uint32),
        )

    def add_numbers(
        self,
        lines: NDArray[np.uint32],
        hashes: bytes,
        kinds: bytes,
        actions: bytes,
        last_days: NDArray[np.int32],
        notes: bytes,
        note_lengths: NDArray[np.uint32],
    ) -> None:
        """Likewise, where kinds, actions and days are told by their numbers already."""
        self.entries += len(lines)
        self._lines.append(lines)
        self._hashes.append(hashes)
        self._kinds.append(kinds)
        self._actions.append(actions)
        self._last_days.append(last_days)
        self._notes.append(notes)
        self._note_lengths.append(note_lengths)

    def joined(self) -> Entries:
        """The columns, laid out to be searched; a hash that stands there twice is wrong."""
        hashes, kinds = words_of(b"".join(self._hashes)), np.frombuffer(b"".join(self._kinds), np.uint8)
        lines = np.concatenate(self._lines)
        of_kind = [np.flatnonzero(kinds == number).astype(np.uint32) for number in range(len(KINDS))]
        exact, near = (Exact.of(hashes[rows], rows) for rows in of_kind)
        for of in (exact, near):
            for again, first in of.repeated():
                said = f"the hash stands in line {lines[first]} already; keep one"
                self.wrong.append((int(lines[again]), said))
        return Entries(
            exact,
            Near.of(hashes[of_kind[1]], of_kind[1]),
            lines,
            np.concatenate(self._last_days),
            np.frombuffer(b"".join(self._actions), np.uint8),
            b"".join(self._notes),
            np.concatenate(self._note_lengths).cumsum(dtype=np.uint32),
        )
