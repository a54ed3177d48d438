"""How far the workers' group has come in each partition, and which partitions stand still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.rules.flow.assignment import Partition, Standing

STILL = 3.5
"""Seconds without a commit, while images wait, after which a partition stands still. Workers commit every second.

With two looks a second, and a message to browsers each second, it is seen five seconds after its last commit."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition: its lag in images, and since when (in seconds) nothing was committed there while images wait."""

    topic: str
    partition: int
    committed: int
    lag: int
    waits_since: float | None

    def still_for(self, now: float) -> float:
        """Seconds that it has stood still; 0 while it moves, or while there is nothing to do."""
        waited = 0.0 if self.waits_since is None else now - self.waits_since
        return waited if waited >= STILL else 0.0


def places_after(
    before: Mapping[Partition, Place], standings: Mapping[Partition, Standing], now: float
) -> dict[Partition, Place]:
    """What is known of the partitions after another look."""
    return {at: _place(at, standing, before.get(at), now) for at, standing in sorted(standings.items())}


def _place(at: Partition, standing: Standing, before: Place | None, now: float) -> Place:
    since = None
    if standing.lag > 0:
        waited = before.waits_since if before is not None and before.committed == standing.committed else None
        since = now if waited is None else min(waited, now)  # it is later than now where the clock was set back
    return Place(*at, standing.committed, standing.lag, since)
