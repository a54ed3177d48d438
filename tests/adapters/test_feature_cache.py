"""What every `FeatureCache` does, and the bounds of the one in memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.adapters.memory.tiered import TieredFeatureCache
from pipeline.adapters.redis import RedisConnection, RedisFeatureCache
from pipeline.ports import FeatureCache
from pipeline.signals import Signals
from tests.adapters.images_remembered import MADE_BY, SPEC, alike, remembered


@pytest.fixture(params=["memory", "redis", "tiered", "tiered, near forgets"])
def cache(request: pytest.FixtureRequest) -> Iterator[FeatureCache]:
    memory = MemoryFeatureCache(0 if "forgets" in request.param else 10)
    if request.param == "memory":
        yield memory
        return
    connection = RedisConnection(request.getfixturevalue("empty_redis").url, timeout=5, budget=20)
    shared = RedisFeatureCache(connection, SPEC, MADE_BY)
    made: FeatureCache = shared if request.param == "redis" else Prompt(memory, shared)
    yield made
    made.close()


class Prompt(TieredFeatureCache):
    """Writes to both before `put` returns, so that a test may look at once."""

    def put(self, signals: dict[str, Signals]) -> None:
        super().put(signals)
        self._writer.submit(int).result()


def test_what_was_put_is_found_to_the_last_bit_with_its_regions(cache: FeatureCache) -> None:
    images = {"a": remembered(1, views=3, frames=2), "b": remembered(2)}
    cache.put(images)
    found = cache.get(["a", "unknown", "b"])
    assert alike(found, images)
    assert all(each.features.dtype == np.float32 for each in found.values())


def test_what_is_found_bears_the_digest_that_it_was_put_under(cache: FeatureCache) -> None:
    assert not remembered(1).content_sha256
    cache.put({"a": remembered(1), "b": remembered(2)})
    assert {name: each.content_sha256 for name, each in cache.get(["a", "b"]).items()} == {"a": "a", "b": "b"}


def test_an_image_that_stands_twice_in_a_batch_is_asked_for_once(cache: FeatureCache) -> None:
    cache.put({"a": remembered(1)})
    assert alike(cache.get(["a", "b", "a", "b"]), {"a": remembered(1)})


def test_what_is_put_again_is_overwritten(cache: FeatureCache) -> None:
    cache.put({"a": remembered(1)})
    cache.put({"a": remembered(2, views=2)})
    assert alike(cache.get(["a"]), {"a": remembered(2, views=2)})


def test_nothing_asked_and_nothing_put_is_fine(cache: FeatureCache) -> None:
    cache.put({})
    assert cache.get([]) == {}


def test_what_is_kept_is_nobody_elses_array(cache: FeatureCache) -> None:
    mine = remembered(1)
    cache.put({"a": mine})
    mine.features[:] = 9
    mine.regions["frame"] = 9
    found = cache.get(["a"])
    assert alike(found, {"a": remembered(1)})
    with pytest.raises(ValueError, match="read-only"):
        found["a"].features[:] = 5
    with pytest.raises(ValueError, match="read-only"):
        found["a"].regions["frame"] = 5


def test_close_is_idempotent(cache: FeatureCache) -> None:
    cache.put({"a": remembered(1)})
    cache.close()
    cache.close()


def test_the_least_recently_used_goes_first() -> None:
    cache = MemoryFeatureCache(2)
    cache.put({"a": remembered(1)})
    cache.put({"b": remembered(2)})
    cache.get(["a"])
    cache.put({"c": remembered(3)})
    assert list(cache.get("abc")) == ["a", "c"]


def test_bytes_are_bounded_too() -> None:
    cache = MemoryFeatureCache(100, max_bytes=110)
    cache.put({name: remembered(1) for name in "abc"})  # 52 bytes each
    assert list(cache.get("abc")) == ["b", "c"]
    cache.put({"large": remembered(1, views=3)})
    assert len(cache) == 0


def test_a_capacity_of_none_keeps_nothing() -> None:
    cache = MemoryFeatureCache(0)
    cache.put({"a": remembered(1)})
    assert cache.get(["a"]) == {}


@given(
    st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), max_size=4), max_size=30),
    st.integers(0, 4),
)
def test_no_sequence_exceeds_either_bound(puts: list[dict[str, int]], capacity: int) -> None:
    cache = MemoryFeatureCache(capacity, max_bytes=200)
    for put in puts:
        cache.put({name: remembered(1, views=views) for name, views in put.items()})
        kept = [each.nbytes for each in cache.get("abcdef").values()]
        assert len(kept) == len(cache) <= capacity
        assert sum(kept) <= 200


def test_many_threads_may_use_it() -> None:
    cache = MemoryFeatureCache(5)

    def work(number: int) -> None:
        cache.put({str(number % 9): remembered(1)})
        cache.get([str(number % 7)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(2000)))
    assert len(cache) == 5
