"""What every `TextCache` does, wherever it keeps what it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.local.text_cache import DiskTextCache
from pipeline.adapters.memory import MemoryTextCache
from pipeline.adapters.redis import RedisConnection, RedisTextCache
from pipeline.ports import TextCache
from tests.adapters.conftest import Heard
from tests.adapters.text_vectors import VECTORS, D, unit


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=["memory", "disk", "redis"])
def cache(request: pytest.FixtureRequest, heard: Heard, tmp_path: Path) -> Iterator[TextCache]:
    if request.param == "memory":
        yield MemoryTextCache(heard)
    elif request.param == "disk":
        yield DiskTextCache(tmp_path / "state", heard)
    else:
        # A busy machine may take its own time here.
        connection = RedisConnection(request.getfixturevalue("empty_redis").url, timeout=5, budget=20)
        with closing(RedisTextCache(connection, hooks=heard)) as made:
            yield made


def test_what_was_put_is_found_to_the_last_bit(cache: TextCache) -> None:
    cache.put("model", VECTORS)
    found = cache.get("model", [*VECTORS, "unknown"], D)
    assert set(found) == set(VECTORS)
    assert all(np.array_equal(found[digest], VECTORS[digest]) for digest in VECTORS)
    assert all(vector.dtype == np.float32 and vector.flags.writeable for vector in found.values())


def test_another_model_has_features_of_its_own(cache: TextCache) -> None:
    cache.put("model", VECTORS)
    assert cache.get("another model", list(VECTORS), D) == {}


def test_what_is_put_again_is_overwritten(cache: TextCache) -> None:
    cache.put("model", {"d": unit(1)})
    cache.put("model", {"d": unit(2)})
    assert np.array_equal(cache.get("model", ["d"], D)["d"], unit(2))


def test_nothing_asked_and_nothing_put_is_fine(cache: TextCache) -> None:
    cache.put("model", {})
    assert cache.get("model", [], D) == {}


def test_hits_and_misses_are_counted_once_per_digest(cache: TextCache, heard: Heard) -> None:
    cache.put("model", VECTORS)
    cache.get("model", [*VECTORS, *VECTORS, "unknown"], D)
    assert {name: count for name, count in heard.text.items() if count} == {"hit": 3, "miss": 1}


def test_features_of_another_length_are_a_miss(cache: TextCache) -> None:
    cache.put("model", VECTORS)
    assert cache.get("model", list(VECTORS), D // 2) == {}


def test_what_was_got_or_put_may_be_written_to(cache: TextCache) -> None:
    mine = unit(1)
    cache.put("model", {"d": mine})
    mine[:] = 0
    cache.get("model", ["d"], D)["d"][:] = 0
    assert np.array_equal(cache.get("model", ["d"], D)["d"], unit(1))


def test_three_thousand_prompts_are_one_answer(cache: TextCache) -> None:
    many = {f"digest-{number}": unit(number % 7) for number in range(3000)}
    cache.put("model", many)
    assert len(cache.get("model", list(many), D)) == 3000


def test_close_is_idempotent(cache: TextCache) -> None:
    cache.close()
    cache.close()
