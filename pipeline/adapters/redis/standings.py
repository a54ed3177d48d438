"""Which policies are held, shared through Redis: when it is away, each worker goes by what it saw itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.adapters.redis.connection import RedisConnection
from pipeline.rules.limits.standing import MOST_BYTES, Standing, parse_standing, standing_bytes

PREFIX = "sluice:held:v2"
_LONG = 30 * 86_400.0


class RedisStandings:
    """`Standings` of one consumer group in Redis, for thirty days each time one is written.

    They lie under ``sluice:held:v2:{group}:{policy}:{version}``: two groups may have the very same policies, and see
    other images.
    """

    def __init__(self, connection: RedisConnection, group: str) -> None:
        self._connection = connection
        self._prefix = f"{PREFIX}:{group}:"

    def get(self, names: Sequence[str]) -> dict[str, Standing] | None:
        values = self._connection.get([self._prefix + name for name in names], MOST_BYTES)
        if values is None:
            return None
        found = {name: parse_standing(value) for name, value in zip(names, values, strict=True) if value}
        return {name: standing for name, standing in found.items() if standing is not None}

    def put(self, standings: Mapping[str, Standing]) -> None:
        if standings:
            values = ((self._prefix + name, standing_bytes(each)) for name, each in standings.items())
            self._connection.set(values, _LONG)
