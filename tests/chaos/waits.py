"""How long partitions wait for their commits, as samples show it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from tests.chaos.watch import Sample


def longest_waits(samples: Iterable[Sample], since: float, until: float) -> dict[int, float]:
    """For each partition the longest stretch between `since` and `until` in which events waited and no commit came.

    A stretch ends with the sample that shows a commit, or nothing to commit. One that has not ended by the last
    sample counts as far as it went. A partition that is new waits from when it is first seen.
    """
    committed: dict[tuple[str, int], int] = {}
    known: set[int] = set()
    moved: dict[int, float] = {}
    waits: dict[int, float] = {}
    for sample in samples:
        if sample.at > until:
            break
        for partition in sample.events:
            place = (sample.epoch, partition)
            now, before = sample.committed.get(place, 0), committed.get(place, 0)
            committed[place] = max(now, before)
            if sample.at < since:
                continue
            began = moved.setdefault(partition, since if partition in known or not known else sample.at)
            waiting = sample.waiting(partition) > 0
            if now > before or waiting:
                waits[partition] = max(waits.get(partition, 0.0), sample.at - began)
            if now > before or not waiting:
                moved[partition] = sample.at
        if sample.at < since or not known:
            known |= set(sample.events)
    return waits


def stretched(samples: Iterable[Sample], since: float, until: float) -> float:
    """What a CPU second took in that time, on average; 1 where nobody looked."""
    seen = [sample.stretch for sample in samples if since <= sample.at <= until]
    return fmean(seen) if seen else 1.0


def recovered(samples: Sequence[Sample], since: float) -> bool:
    """Whether every partition has had a commit since then, or has nothing that waits for one."""
    before = next((sample for sample in reversed(samples) if sample.at <= since), None)
    if not samples or samples[-1].at <= since:
        return False
    now = samples[-1]

    def moved(partition: int) -> bool:
        place = (now.epoch, partition)
        was = before.committed.get(place, 0) if before is not None else 0
        return now.waiting(partition) <= 0 or now.committed.get(place, 0) > was

    return all(moved(partition) for partition in now.events)
