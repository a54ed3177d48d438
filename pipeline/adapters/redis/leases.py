"""Leases shared through Redis, which sees to it that of two who take the same at once one gets it."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from pipeline.adapters.redis.connection import RedisConnection

PREFIX = "sluice:lease:v1:"
_TAKE = """
for _, key in ipairs(KEYS) do
  local held = redis.pcall('GET', key)
  local left = redis.call('PTTL', key)
  if type(held) == 'string' and #held == #ARGV[1] and held ~= ARGV[1] and left > 0 and left <= tonumber(ARGV[4]) then
    return 0
  end
end
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[2], 'PX', ARGV[3]) end
return 1
"""
_GIVE_BACK = """
for _, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[1] then redis.call('UNLINK', key) end
end
return 1
"""
LONGEST = 3600.0
"""Seconds for which a lease may last: one that would last longer, or for ever, is none of ours."""


class RedisLeases:
    """`Leases` under ``sluice:lease:v1:{thing}``: the SHA-256 of the holder's name, until it expires.

    A script takes or gives back many in one step. What lies there and cannot be a lease is nobody's. Leases are not
    signed: whoever can write to Redis could hold back what he likes anyway, by taking it.
    """

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def take(self, things: Collection[str], who: str, seconds: float, then: str | None = None) -> bool | None:
        lasts, longest = (str(int(each * 1000)) for each in (min(seconds, LONGEST), LONGEST))
        said = self._connection.run(_TAKE, _keys(things), [_name(who), _name(then or who), lasts, longest])
        return None if said is None else said == 1

    def give_back(self, things: Collection[str], who: str) -> None:
        self._connection.run(_GIVE_BACK, _keys(things), [_name(who)])


def _keys(things: Collection[str]) -> list[str]:
    return [PREFIX + each for each in things]


def _name(who: str) -> str:
    return sha256(who.encode()).hexdigest()
