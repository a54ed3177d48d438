"""A sample of bounded size of images of which nobody knows how many will come."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Reservoir(Generic[T]):
    """`most` of all that is offered, each with the same chance; the same seed and offers give the same sample.

    Algorithm R of Vitter (1985), "Random sampling with a reservoir", ACM Transactions on Mathematical Software 11.
    """

    def __init__(self, most: int, seed: int) -> None:
        self.most = most
        self.seen = 0
        self.kept: list[T] = []
        self._rng = np.random.default_rng(seed)

    def places(self, count: int) -> list[tuple[int, int]]:
        """Which of the next `count` are taken in, each with the place that it takes in `kept`; later ones win."""
        numbers = np.arange(self.seen, self.seen + count)
        drawn = np.where(numbers < self.most, numbers, self._rng.integers(0, numbers + 1))
        self.seen += count
        taken = np.flatnonzero(drawn < self.most)
        return list(zip(taken.tolist(), drawn[taken].tolist(), strict=True))

    def put(self, place: int, each: T) -> None:
        if place == len(self.kept):
            self.kept.append(each)
        else:
            self.kept[place] = each
