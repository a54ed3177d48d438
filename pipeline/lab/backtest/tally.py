"""Counting what became of events, by day, policy and pair of policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.backtest.moves import OUTCOMES, Moves
from pipeline.lab.backtest.record import PolicyDay
from pipeline.lab.backtest.sides import EVENT_BITS, Found

_SIZE = len(OUTCOMES)
Counts = NDArray[np.int64]


class Tally:
    """What `Found` of blocks says, added up. It grows with days and policies, not with events."""

    def __init__(self) -> None:
        self.days: dict[str, Counts] = {}
        """For each day ``int64[16]`` of verdicts, as the cells of `Moves`."""
        self.policies: dict[tuple[int, str], Counts] = {}
        """The same for each policy and day, but without the events that it matched neither before nor now."""
        self.overlap: Counter[tuple[int, int]] = Counter()
        """Events that both match now; the lower number comes first."""

    def add(self, day: str, events: int, before: Found, after: Found) -> None:
        """Count a block of one day."""
        flagged = np.unique(np.concatenate([before.event, after.event]))
        verdicts = _SIZE * _verdicts(flagged, before).astype(np.int64) + _verdicts(flagged, after)
        cells = self.days.setdefault(day, np.zeros(_SIZE * _SIZE, np.int64))
        cells += np.bincount(verdicts, minlength=_SIZE * _SIZE)
        cells[0] += events - len(flagged)
        for policy, moves in _moves(before, after):
            kept = self.policies.setdefault((policy, day), np.zeros(_SIZE * _SIZE, np.int64))
            kept += moves
        self._overlaps(after)

    def _overlaps(self, after: Found) -> None:
        rows, row = np.unique(after.event, return_inverse=True)
        policies, column = np.unique(after.policy, return_inverse=True)
        matched = np.zeros((len(rows), len(policies)), np.float32)
        matched[row, column] = 1
        for one, other in zip(*np.nonzero(np.triu(shared := matched.T @ matched, 1)), strict=True):
            self.overlap[int(policies[one]), int(policies[other])] += int(shared[one, other])

    def of_days(self) -> tuple[PolicyDay, ...]:
        """The verdicts of each day."""
        return tuple(PolicyDay(day=day, moves=_as_moves(cells)) for day, cells in sorted(self.days.items()))

    def of_policy(self, policy: int) -> tuple[PolicyDay, ...]:
        """What became of the policy on each day."""
        found = {day: Moves(_cells(each)) for (of, day), each in self.policies.items() if of == policy}
        return completed(found, {day: int(cells.sum()) for day, cells in self.days.items()})


def completed(found: Mapping[str, Moves], events: Mapping[str, int]) -> tuple[PolicyDay, ...]:
    """A policy's days: on each, what it never matched is all that is not told of."""
    days = []
    for day, count in sorted(events.items()):
        first, *told = found.get(day, Moves()).cells
        del first
        days.append(PolicyDay(day=day, moves=Moves((count - sum(told), *told))))
    return tuple(days)


def _verdicts(events: NDArray[np.intp], found: Found) -> NDArray[np.uint8]:
    """``uint8[N]``: the severest outcome of the enforced matches of each of these events, which are in order."""
    verdicts = np.zeros(len(events), np.uint8)
    np.maximum.at(verdicts, events.searchsorted(found.event[found.enforced]), found.outcome[found.enforced])
    return verdicts


def _moves(before: Found, after: Found) -> Iterable[tuple[int, Counts]]:
    """For each policy that has a match, ``int64[16]`` of its events that match before or now."""
    pairs = np.concatenate([before.pairs, after.pairs])
    where, at = np.unique(pairs, return_inverse=True)
    moves = np.zeros(len(where), np.int64)
    moves[at[: len(before.event)]] += _SIZE * before.outcome.astype(np.int64)
    moves[at[len(before.event) :]] += after.outcome
    policy = where >> EVENT_BITS
    for each in np.unique(policy).tolist():
        yield each, np.bincount(moves[policy == each], minlength=_SIZE * _SIZE)


def _as_moves(cells: Counts) -> Moves:
    return Moves(_cells(cells))


def _cells(cells: Counts) -> tuple[int, ...]:
    return tuple(cells.tolist())
