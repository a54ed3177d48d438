"""What the workers of a fleet counted, told through Redis: each has a place of its own there, as long as it lives."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping

from pipeline.adapters.redis.connection import RedisConnection
from pipeline.rules.limits.counts import MOST_BYTES, Counts, Told, counts_bytes, parse_counts

PREFIX = "sluice:counts:v2"
PLACES = 128
"""Workers that tell what they counted. Of a larger fleet, those that found a place stand for all."""
LASTS = 60.0
"""Seconds for which a place is kept for a worker that says nothing."""
_READ_EACH_TIME = 20
"""Others that a worker reads at each exchange, on average: of a larger fleet it looks at all of them less often. It
is enough that one worker sees that a policy is over its limit: the fleet sees it as soon, at a cost that grows with
the fleet and not with its square."""


class RedisCounts:
    """`FleetCounts` of one worker of a consumer group, under ``sluice:counts:v2:{group}:{place}``."""

    def __init__(self, connection: RedisConnection, group: str) -> None:
        self._connection = connection
        self._prefix = f"{PREFIX}:{group}:"
        self._worker = uuid.uuid4().hex
        self._place: int | None = None
        self._others: list[Counts] = []
        self._until_read = 0

    def exchange(self, mine: Counts) -> list[Counts] | None:
        if self._until_read <= 0:
            found = self._read()
            if found is None:
                return None
            self._take_place(found)
            self._others = [each.counts for each in found.values() if each and each.worker != self._worker]
            self._until_read = len(self._others) // _READ_EACH_TIME
        else:
            self._until_read -= 1
        if self._place is not None:
            value = counts_bytes(self._worker, mine)
            self._connection.set([(f"{self._prefix}{self._place}", value)], LASTS)
        return self._others

    def _read(self) -> Mapping[int, Told | None] | None:
        """What lies in each place that is taken; None for what nobody can read."""
        values = self._connection.get([f"{self._prefix}{place}" for place in range(PLACES)], MOST_BYTES)
        if values is None:
            return None
        return {place: parse_counts(value) for place, value in enumerate(values) if value is not None}

    def _take_place(self, found: Mapping[int, Told | None]) -> None:
        """Keep the place, unless another worker took it at the same moment: who sees that first moves on."""
        mine = None if self._place is None else found.get(self._place)
        if self._place is not None and (mine is None or mine.worker == self._worker):
            return
        free = [place for place in range(PLACES) if place not in found]
        self._place = random.choice(free) if free else None
