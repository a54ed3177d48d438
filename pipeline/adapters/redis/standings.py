"""Which policies are held, shared through Redis: when it is away, each worker goes by what it saw itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.adapters.redis.connection import RedisConnection
from pipeline.rules.limits.standing import MOST_BYTES, Standing, parse_standing, standing_bytes

PREFIX = "sluice:held:v1:"
_LONG = 30 * 86_400.0


class RedisStandings:
    """`Standings` in Redis, under ``sluice:held:v1:{policy}:{version}``, for thirty days each time it is written."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def get(self, names: Sequence[str]) -> dict[str, Standing] | None:
        values = self._connection.get([PREFIX + name for name in names], MOST_BYTES)
        if values is None:
            return None
        found = {name: parse_standing(value) for name, value in zip(names, values, strict=True) if value}
        return {name: standing for name, standing in found.items() if standing is not None}

    def put(self, standings: Mapping[str, Standing]) -> None:
        if standings:
            self._connection.set(((PREFIX + name, standing_bytes(each)) for name, each in standings.items()), _LONG)
