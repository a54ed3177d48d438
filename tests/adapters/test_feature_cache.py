"""Image features by content hash, bounded by number and by bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.items import Features


def features(views: int = 1, value: float = 1.0) -> Features:
    return np.full((views, 4), value, np.float32)


def test_what_was_put_is_found_with_its_frames() -> None:
    cache = MemoryFeatureCache(10)
    cache.put("a", features(2), 7)
    found = cache.get("a")
    assert found is not None
    assert found[0].shape == (2, 4)
    assert found[1] == 7
    assert cache.get("b") is None


def test_the_least_recently_used_goes_first() -> None:
    cache = MemoryFeatureCache(2)
    cache.put("a", features(), 1)
    cache.put("b", features(), 1)
    cache.get("a")
    cache.put("c", features(), 1)
    assert [name for name in "abc" if cache.get(name)] == ["a", "c"]


def test_bytes_are_bounded_too() -> None:
    cache = MemoryFeatureCache(100, max_bytes=40)
    for name in "abc":
        cache.put(name, features(), 1)  # 16 bytes each
    assert len(cache) == 2
    cache.put("large", features(4), 1)
    assert len(cache) == 0


def test_a_capacity_of_none_keeps_nothing() -> None:
    cache = MemoryFeatureCache(0)
    cache.put("a", features(), 1)
    assert cache.get("a") is None


def test_what_is_kept_is_nobody_elses_array() -> None:
    cache = MemoryFeatureCache(10)
    mine = features()
    cache.put("a", mine, 1)
    mine[:] = 9
    found = cache.get("a")
    assert found is not None
    assert found[0].max() == 1
    with pytest.raises(ValueError, match="read-only"):
        found[0][:] = 5


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 5)), max_size=60), st.integers(0, 4))
def test_no_sequence_exceeds_either_bound(puts: list[tuple[str, int]], capacity: int) -> None:
    cache = MemoryFeatureCache(capacity, max_bytes=100)
    for name, views in puts:
        cache.put(name, features(views), 1)
        kept = [found[0].nbytes for key in "abcdef" if (found := cache.get(key))]
        assert len(kept) == len(cache) <= capacity
        assert sum(kept) <= 100


def test_many_threads_may_use_it() -> None:
    cache = MemoryFeatureCache(5)

    def work(number: int) -> None:
        cache.put(str(number % 9), features(), 1)
        cache.get(str(number % 7))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(2000)))
    assert len(cache) == 5
