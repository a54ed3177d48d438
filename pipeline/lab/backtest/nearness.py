"""The images nearest to each threshold, on either side, while blocks go by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.backtest.bounds import Array, Bounds
from pipeline.lab.backtest.draw import nearest
from pipeline.lab.backtest.record import Threshold
from pipeline.lab.backtest.told import Marked, Told
from pipeline.rules.policies.policy_set import Policy
from pipeline.wire import SEVERITY, Action


class Side:
    """The nearest on one side of one policy's threshold. Blocks come in the order of their paths."""

    def __init__(self, column: int, action: Action, threshold: float, most: int, *, above: bool) -> None:
        self.column = column
        self.action = action
        self.threshold = threshold
        self.above = above
        self.kept: tuple[Marked, ...] = ()
        self._most = most

    @property
    def least(self) -> float:
        """What scores less, and does not reach the threshold either, is none of the nearest."""
        return self.threshold if self.above else self.threshold - self._reach

    def may_be_among(self, bounds: Bounds) -> NDArray[np.intp]:
        """The events that may be among the nearest, as far as bounds tell, by their places in `Bounds.events`."""
        low, high = bounds.low[:, self.column], bounds.high[:, self.column]
        if self.above:
            least, most, sure = low - self.threshold, high - self.threshold, low >= self.threshold
            here = high >= self.threshold
        else:
            least, most, sure = self.threshold - high, self.threshold - low, high < self.threshold
            here = low < self.threshold
        found = np.flatnonzero(here & (least < self._reach))
        if len(found) > self._most and (certain := most[found][sure[found]]).size >= self._most:
            reach = np.partition(certain, self._most - 1)[self._most - 1]
            found = found[least[found] <= reach]
        return self._first_of_equals(found, least, most)

    def offer(self, scores: Array, events: NDArray[np.intp]) -> Iterator[tuple[int, float]]:
        """Of events with their ``float64[N,K]`` scores, those that are among the nearest, with these."""
        column = scores[:, self.column]
        far = np.abs(column - self.threshold)
        here = (column >= self.threshold) == self.above
        fits = np.flatnonzero(here & (far < self._reach))
        for at in sorted(fits[np.argsort(far[fits], kind="stable")][: self._most].tolist()):
            yield int(events[at]), float(column[at])

    def keep(self, images: Iterable[Marked]) -> None:
        self.kept = nearest((*self.kept, *images), self.threshold, self._most)

    @property
    def _reach(self) -> float:
        """An event must be nearer than this. One as far as the last that is kept stands behind it in the archive."""
        if self._most == 0:
            return -math.inf
        if len(self.kept) < self._most:
            return math.inf
        return abs((self.kept[-1].score or 0.0) - self.threshold)

    def _first_of_equals(self, found: NDArray[np.intp], least: Array, most: Array) -> NDArray[np.intp]:
        """Without those that are exactly as far as as many before them."""
        known = least[found] == most[found]
        _, same, counts = np.unique(least[found[known]], return_inverse=True, return_counts=True)
        if not (counts > self._most).any():
            return found
        order = np.argsort(same, kind="stable")
        rank = np.empty(len(order), np.intp)
        rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        keep = np.ones(len(found), np.bool_)
        keep[np.flatnonzero(known)[rank >= self._most]] = False
        return found[keep]


class Nearness:
    """Both sides of every threshold of a policy set's active policies."""

    def __init__(self, policies: Sequence[Policy], most: int) -> None:
        self._policies = policies
        self.sides = [
            Side(column, action, threshold, most, above=above)
            for column, policy in enumerate(policies)
            for action, threshold in sorted(policy.actions.items(), key=lambda each: SEVERITY[each[0]])
            for above in (True, False)
        ]

    def may_be_among(self, bounds: Bounds) -> NDArray[np.intp]:
        """The events that may be among the nearest of some side, by their places in `Bounds.events`, in order."""
        found = [side.may_be_among(bounds) for side in self.sides]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.intp)

    @property
    def least(self) -> Array:
        """``float64[K]``: a policy's scores below it reach no threshold, and are none of the nearest to one."""
        found = np.array([policy.lowest for policy in self._policies])
        for side in self.sides:
            found[side.column] = min(found[side.column], side.least)
        return found

    def thresholds(self, column: int, told: Told) -> tuple[Threshold, ...]:
        """What is known of the thresholds of a policy, mildest action first."""
        of = [side for side in self.sides if side.column == column]
        return tuple(
            Threshold(
                action=above.action, threshold=above.threshold, above=told.of(above.kept), below=told.of(below.kept)
            )
            for above, below in zip(of[::2], of[1::2], strict=True)
        )
