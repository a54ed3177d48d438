"""Some of the images that a policy flags now and did not before, or the other way round, drawn by chance."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.backtest.draw import drawn, lot_of
from pipeline.lab.backtest.told import Marked


class Draw:
    """The images of one policy with the lowest lots so far."""

    def __init__(self, most: int) -> None:
        self.kept: tuple[Marked, ...] = ()
        """Without scores until the engine has ended: few of those that are drawn on the way are drawn in the end."""
        self._most = most

    def may_be_among(self, events: NDArray[np.intp], lots: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Of these events those that are drawn, by a lot for each."""
        order = np.argsort(lots, kind="stable")[: self._most]
        if len(self.kept) == self._most:
            order = order[lots[order] < np.uint64(lot_of(self.kept[-1]))] if self._most else order[:0]
        return events[order]

    def keep(self, images: Iterable[Marked]) -> None:
        if new := tuple(images):
            self.kept = drawn((*self.kept, *new), self._most)
