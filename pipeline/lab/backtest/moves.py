"""How often an outcome became another: one table of whole numbers, which tables of other events are added to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

import msgspec

from pipeline.wire import Action, Verdict

OUTCOMES: tuple[Verdict, ...] = get_args(Verdict)
"""From the mildest on. Of a single policy, ``allow`` says that it does not match."""
ACTIONS: tuple[Action, ...] = get_args(Action)
_SIZE = len(OUTCOMES)


class Moves(msgspec.Struct, frozen=True, array_like=True):
    """``cells[4 * before + after]`` events had the one of `OUTCOMES`, by its index, and have the other now."""

    cells: tuple[int, ...] = (0,) * (_SIZE * _SIZE)

    def __add__(self, other: Moves) -> Moves:
        return Moves(tuple(mine + theirs for mine, theirs in zip(self.cells, other.cells, strict=True)))

    @property
    def events(self) -> int:
        return sum(self.cells)

    def of(self, before: Verdict, after: Verdict) -> int:
        """How many went that way."""
        return self.cells[_SIZE * OUTCOMES.index(before) + OUTCOMES.index(after)]

    @property
    def before(self) -> Mapping[Verdict, int]:
        """How many had each outcome."""
        return {each: sum(self.of(each, after) for after in OUTCOMES) for each in OUTCOMES}

    @property
    def after(self) -> Mapping[Verdict, int]:
        """How many have each outcome now."""
        return {each: sum(self.of(before, each) for before in OUTCOMES) for each in OUTCOMES}

    @property
    def flagged_before(self) -> int:
        return self.events - self.before["allow"]

    @property
    def flagged(self) -> int:
        """How many have an outcome now that is not ``allow``."""
        return self.events - self.after["allow"]

    @property
    def new(self) -> int:
        """How many are flagged now, and were not."""
        return self.flagged - self._stayed

    @property
    def let_go(self) -> int:
        """How many were flagged, and are not now."""
        return self.flagged_before - self._stayed

    @property
    def severer(self) -> int:
        """How many were flagged, and are so by a severer action now."""
        return sum(self.of(before, after) for before, after in _ordered() if before != "allow")

    @property
    def milder(self) -> int:
        """How many are flagged, by a milder action than they were."""
        return sum(self.of(after, before) for before, after in _ordered() if before != "allow")

    @property
    def _stayed(self) -> int:
        return sum(self.of(before, after) for before in ACTIONS for after in ACTIONS)


def total(moves: Iterable[Moves]) -> Moves:
    """The sum of all of them."""
    return sum(moves, Moves())


def _ordered() -> Iterable[tuple[Verdict, Verdict]]:
    """Every pair of outcomes of which the first is milder."""
    return ((before, after) for at, before in enumerate(OUTCOMES) for after in OUTCOMES[at + 1 :])
