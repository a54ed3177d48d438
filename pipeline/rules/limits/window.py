"""Counts of a moving stretch of time, in a few numbers."""

from __future__ import annotations

BUCKETS = 10


class Window:
    """Counts images of the last `per` seconds, to a tenth of it: the oldest tenth is forgotten at once.

    `now` may go back, as clocks do: what comes late counts as of the newest time.
    """

    def __init__(self, per: float) -> None:
        self._width = per / BUCKETS
        self._buckets: dict[int, tuple[int, int]] = {}
        self._newest = 0

    def add(self, now: float, images: int, flagged: int) -> None:
        newest = self._move(now)
        before = self._buckets.get(newest, (0, 0))
        self._buckets[newest] = before[0] + images, before[1] + flagged

    def counts(self, now: float) -> tuple[int, int]:
        """Images, and how many of them were flagged."""
        self._move(now)
        return sum(each[0] for each in self._buckets.values()), sum(each[1] for each in self._buckets.values())

    def _move(self, now: float) -> int:
        bucket = int(now // self._width)
        if bucket > self._newest:
            self._newest = bucket
            self._buckets = {at: each for at, each in self._buckets.items() if at > bucket - BUCKETS}
        return self._newest
