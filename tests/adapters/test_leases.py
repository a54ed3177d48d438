"""What all `Leases` do, in memory and in Redis, and what rubbish in Redis comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier
from typing import Any

import pytest

from pipeline.adapters.memory.leases import MemoryLeases
from pipeline.adapters.redis import RedisConnection
from pipeline.adapters.redis.leases import PREFIX, RedisLeases
from pipeline.ports import Leases
from tests.services.deadline import until

LONG, SHORT = 300.0, 0.2
Join = Callable[[], Leases]


@pytest.fixture(params=["memory", "redis"])
def join(request: pytest.FixtureRequest) -> Iterator[Join]:
    """Another who shares the leases, each time it is called."""
    if request.param == "memory":
        shared = MemoryLeases()
        yield lambda: shared
        return
    url = request.getfixturevalue("empty_redis").url
    with ExitStack() as ending:

        def another() -> RedisLeases:
            return RedisLeases(ending.enter_context(closing(RedisConnection(url, timeout=5, budget=20))))

        yield another


def test_what_one_has_no_other_gets_until_it_is_given_back(join: Join) -> None:
    one, other = join(), join()
    assert one.take(["a", "b"], "ann", LONG) is True
    assert other.take(["b", "c"], "rob", LONG) is False
    assert other.take(["c"], "rob", LONG) is True, "of several none was taken"
    assert other.take(["a"], "ann", LONG) is True, "one has it at any console"
    other.give_back(["a", "b"], "rob")
    assert other.take(["a"], "rob", LONG) is False, "what is another's cannot be given back"
    one.give_back(["a", "b", "never taken"], "ann")
    assert other.take(["a", "b"], "rob", LONG) is True


def test_what_is_passed_on_is_the_other_s(join: Join) -> None:
    leases = join()
    assert leases.take(["a"], "ann", LONG) is True
    assert leases.take(["a"], "rob", LONG, "rob's desk") is False
    assert leases.take(["a"], "ann", LONG, "ann's desk") is True
    assert leases.take(["a"], "ann", LONG) is False
    assert leases.take(["a"], "ann's desk", LONG, "ann") is True
    assert leases.take(["a"], "ann", LONG) is True


def test_what_is_left_lying_is_anybody_s(join: Join) -> None:
    one, other = join(), join()
    assert one.take(["a"], "ann", SHORT) is True
    assert one.take(["b"], "ann", LONG) is True
    until(lambda: other.take(["a"], "rob", LONG) is True, 30, str)
    assert one.take(["a"], "ann", LONG) is False
    assert other.take(["b"], "rob", LONG) is False


def test_of_many_who_take_the_same_at_once_one_gets_it(join: Join) -> None:
    people = [(f"person-{number}", join()) for number in range(8)]
    start = Barrier(len(people))

    def grasp(who: str, leases: Leases) -> list[str]:
        start.wait(30)
        return [thing for thing in ("a", "b", "c", "d") if leases.take([thing], who, LONG)]

    with ThreadPoolExecutor(len(people)) as pool:
        got = [thing for things in pool.map(lambda each: grasp(*each), people) for thing in things]
    assert sorted(got) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("lasts", [None, 60_000, 10**10])
@pytest.mark.parametrize("rubbish", [b"", b"x", b"f" * 64, b"\xff" * 500])
def test_what_cannot_be_a_lease_is_nobody_s(empty_redis: Any, rubbish: bytes, lasts: int | None) -> None:
    with empty_redis.client() as redis, closing(RedisConnection(empty_redis.url, timeout=5, budget=20)) as connection:
        redis.set(f"{PREFIX}a", rubbish, px=lasts)
        redis.lpush(f"{PREFIX}b", rubbish)
        could_be = len(rubbish) == 64 and lasts == 60_000
        assert RedisLeases(connection).take(["a", "b"], "ann", LONG) is not could_be
        RedisLeases(connection).give_back(["a", "b"], "ann")


def test_no_name_of_a_person_lies_in_redis(empty_redis: Any) -> None:
    with empty_redis.client() as redis, closing(RedisConnection(empty_redis.url, timeout=5, budget=20)) as connection:
        RedisLeases(connection).take(["a"], "ann@example.com", LONG)
        assert b"ann" not in redis.get(f"{PREFIX}a")
        assert 0 < redis.pttl(f"{PREFIX}a") <= LONG * 1000


@pytest.mark.parametrize("leases", ["memory", "redis"])
def test_who_is_away_gives_no_answer_and_no_error(leases: str) -> None:
    with closing(RedisConnection("redis://127.0.0.1:1/0", timeout=0.05)) as connection:
        gone: Leases = RedisLeases(connection)
        if leases == "memory":
            gone = memory = MemoryLeases()
            memory.away = True
        assert gone.take(["a"], "ann", LONG) is None
        gone.give_back(["a"], "ann")
