"""What the workers of a fleet counted, in this process's memory."""

from __future__ import annotations

from pipeline.rules.limits.counts import Counts


class MemoryCounts:
    """`FleetCounts` of one worker in a dictionary that all of a fleet have. With `away`, nobody answers."""

    def __init__(self, fleet: dict[MemoryCounts, Counts]) -> None:
        self.away = False
        self._fleet = fleet

    def exchange(self, mine: Counts) -> list[Counts] | None:
        if self.away:
            return None
        others = [counts for worker, counts in self._fleet.items() if worker is not self]
        self._fleet[self] = mine
        return others
