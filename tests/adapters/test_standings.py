"""What all `Standings` do, in memory and in Redis, and what rubbish in Redis comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory.standings import MemoryStandings
from pipeline.adapters.redis import RedisConnection
from pipeline.adapters.redis.standings import PREFIX, RedisStandings
from pipeline.ports import Standings
from pipeline.rules.limits.standing import MOST_BYTES, Standing, parse_standing, standing_bytes

HELD, RELEASED = Standing(1_790_000_000.123, 12, 40), Standing(1_790_000_100.0)


@pytest.fixture(params=["memory", "redis", "signed redis"])
def of_group(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Standings]]:
    """What the workers of a group share."""
    if request.param == "memory":
        yield cache(lambda _: MemoryStandings())
        return
    secret = "a secret of some length" if "signed" in request.param else None
    connection = RedisConnection(request.getfixturevalue("empty_redis").url, timeout=5, budget=20, secret=secret)
    yield lambda group: RedisStandings(connection, group)
    connection.close()


def test_what_was_put_last_is_what_all_find(of_group: Callable[[str], Standings]) -> None:
    standings = of_group("sluice")
    standings.put({"weapons:v1": HELD, "dice:v1": RELEASED})
    assert standings.get(["weapons:v1", "tobacco:v1", "dice:v1"]) == {"weapons:v1": HELD, "dice:v1": RELEASED}
    standings.put({"weapons:v1": RELEASED})
    standings.put({})
    assert standings.get(["weapons:v1"]) == {"weapons:v1": RELEASED}


def test_groups_know_nothing_of_each_other(of_group: Callable[[str], Standings]) -> None:
    """One that tries an edit on the same Redis holds no policy of production, whatever the groups are called."""
    groups = ["sluice", "sluice-staging", "sluice:weapons", "släb \n*"]
    for at, group in enumerate(groups):
        of_group(group).put({"weapons:v1": HELD._replace(flagged=at)})
    for at, group in enumerate(groups):
        assert of_group(group).get(["weapons:v1"]) == {"weapons:v1": HELD._replace(flagged=at)}
    assert of_group("another").get(["weapons:v1"]) == {}


@pytest.mark.parametrize("rubbish", [b"", b"x", b"1.000 5 2", b"nan 1 2", b"1" * 500, b"-1.000 1 2"])
def test_rubbish_is_nothing(empty_redis: Any, rubbish: bytes) -> None:
    connection = RedisConnection(empty_redis.url, timeout=5, budget=20)
    connection.set([(PREFIX + ":sluice:weapons:v1", rubbish)], 60)
    assert RedisStandings(connection, "sluice").get(["weapons:v1"]) == {}
    connection.close()


def test_a_redis_that_is_away_is_no_answer_and_no_error() -> None:
    connection = RedisConnection("redis://127.0.0.1:1/0", timeout=0.05)
    standings = RedisStandings(connection, "sluice")
    assert standings.get(["weapons:v1"]) is None
    standings.put({"weapons:v1": HELD})
    connection.close()


@given(st.integers(0, 10**14), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_standing_survives_its_bytes(milliseconds: int, flagged: int, allowed: int) -> None:
    standing = Standing(round(milliseconds / 1000, 3), flagged, flagged + allowed)
    assert parse_standing(standing_bytes(standing)) == standing
    assert len(standing_bytes(standing)) <= MOST_BYTES


@given(st.binary(max_size=80))
def test_no_bytes_are_more_than_nothing_or_a_standing(value: bytes) -> None:
    found = parse_standing(value)
    assert found is None or found.flagged <= found.images
