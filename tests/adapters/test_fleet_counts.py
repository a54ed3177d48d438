"""What all `FleetCounts` do, in memory and in Redis, and what rubbish in Redis comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any, Protocol

import pytest

from pipeline.adapters.memory.counts import MemoryCounts
from pipeline.adapters.redis import RedisConnection, counts
from pipeline.adapters.redis.counts import PREFIX, RedisCounts
from pipeline.ports import FleetCounts
from pipeline.rules.limits.counts import Count, Counts
from pipeline.rules.limits.sketches import BYTES

SOME = {"weapons:v1": Count(0.0, 40, 2, b"s" * 2 * BYTES)}
MORE = {"weapons:v1": Count(1.5, 50, 3), "dice:v1": Count(0.0, 50, 0)}
GROUP = "sluice"


class Join(Protocol):
    """Another worker of a group, each time it is called."""

    def __call__(self, group: str = GROUP) -> FleetCounts: ...


@pytest.fixture(params=["memory", "redis", "signed redis"])
def join(request: pytest.FixtureRequest) -> Iterator[Join]:
    if request.param == "memory":
        fleets = defaultdict[str, dict[MemoryCounts, Counts]](dict)
        yield lambda group=GROUP: MemoryCounts(fleets[group])
        return
    secret = "a secret of some length" if "signed" in request.param else None
    url = request.getfixturevalue("empty_redis").url
    with ExitStack() as ending:

        def another(group: str = GROUP) -> RedisCounts:
            connection = RedisConnection(url, timeout=5, budget=20, secret=secret)
            return RedisCounts(ending.enter_context(closing(connection)), group)

        yield another


def test_each_hears_what_the_others_told_last(join: Join) -> None:
    one, other, third = join(), join(), join()
    assert one.exchange(SOME) == []
    assert other.exchange(SOME) == [SOME]
    assert one.exchange(MORE) == [SOME]
    assert sorted(third.exchange({}) or [], key=len) == [SOME, MORE]
    assert sorted(other.exchange(SOME) or [], key=len) == [{}, MORE]


def test_groups_hear_nothing_of_each_other(join: Join) -> None:
    one, other, staging = join(), join(), join("sluice-staging")
    assert one.exchange(SOME) == []
    assert staging.exchange(MORE) == []
    assert other.exchange(SOME) == [SOME]
    assert staging.exchange(MORE) == []


@pytest.fixture
def in_redis(empty_redis: Any) -> Iterator[Callable[[], RedisCounts]]:
    with closing(RedisConnection(empty_redis.url, timeout=5, budget=20)) as connection:
        yield lambda: RedisCounts(connection, GROUP)


def test_two_that_took_a_place_at_once_have_one_each_in_the_end(
    in_redis: Callable[[], RedisCounts], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = in_redis(), in_redis()
    monkeypatch.setattr(counts.random, "choice", min)
    one._take_place({})
    other._take_place({})
    for _ in range(2):
        one.exchange(SOME)
        other.exchange(MORE)
    assert (one.exchange(SOME), other.exchange(MORE)) == ([MORE], [SOME])


def test_who_finds_no_place_still_hears_the_others(
    in_redis: Callable[[], RedisCounts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "PLACES", 1)
    one, other = in_redis(), in_redis()
    assert one.exchange(SOME) == []
    assert other.exchange(MORE) == [SOME]
    assert one.exchange(SOME) == []


def test_of_a_large_fleet_not_everything_is_read_each_time(
    in_redis: Callable[[], RedisCounts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "_READ_EACH_TIME", 1)
    one, other = in_redis(), in_redis()
    one.exchange(SOME)
    assert other.exchange(MORE) == [SOME]
    one.exchange({})
    assert [other.exchange(MORE), other.exchange(MORE)] == [[SOME], [{}]]


@pytest.mark.parametrize("rubbish", [b"x", b"\x92\xa1w\x80" * 3, b"1" * 300_000])
def test_rubbish_is_nothing_and_lasts_no_longer_than_it_must(
    empty_redis: Any, in_redis: Callable[[], RedisCounts], rubbish: bytes
) -> None:
    with closing(RedisConnection(empty_redis.url, timeout=5, budget=20)) as connection:
        connection.set([(f"{PREFIX}:{GROUP}:{place}", rubbish) for place in range(5)], 60)
    one, other = in_redis(), in_redis()
    assert one.exchange(SOME) == []
    assert other.exchange(MORE) == [SOME]


def test_a_redis_that_is_away_is_no_answer_and_no_error() -> None:
    with closing(RedisConnection("redis://127.0.0.1:1/0", timeout=0.05)) as connection:
        assert RedisCounts(connection, GROUP).exchange(SOME) is None
