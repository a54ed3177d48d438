"""Image features in Redis: no rubbish is believed, no trouble delays a batch by more than the budget."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.feature_values import decode_image, encode_image
from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.adapters.memory.tiered import WAITING, TieredFeatureCache
from pipeline.adapters.redis import BUDGET, RedisConnection, RedisFeatureCache
from pipeline.ports import Hooks
from pipeline.signals import REGION, Features, Provenance, Signals
from tests.adapters.images_remembered import MADE_BY, SPEC, alike, remembered
from tests.services.deadline import until

IMAGES = {f"sha-{number}": remembered(number) for number in range(3)}


def encoded(signals: Signals, features: Features | None = None, **box: float) -> bytes:
    """As in Redis; with other features, or other edges of its boxes."""
    regions = signals.regions.copy()
    for edge, value in box.items():
        regions["box"][:, ("left", "top", "right", "bottom").index(edge)] = value
    return encode_image(signals.features if features is None else features, regions, signals.unseen)


GOOD = encoded(remembered(1, views=2))
BEHIND = 8 + 2 * REGION.itemsize


class Heard(Hooks):
    def __init__(self) -> None:
        self.counts = {"hit": 0, "miss": 0, "error": 0}

    def shared_feature_cache(self, result: str, count: int) -> None:
        self.counts[result] += count


def patient(url: str) -> RedisConnection:
    """For what is not about time: a busy machine may take its own."""
    return RedisConnection(url, timeout=5, budget=20)


def in_redis(url: str, hooks: Hooks | None = None, **connection: Any) -> RedisFeatureCache:
    made = RedisConnection(url, **connection) if connection else patient(url)
    return RedisFeatureCache(made, SPEC, MADE_BY, hooks=hooks)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"<html>",
        GOOD[:-1],
        GOOD + b"\0",
        struct.pack("<3I", 0, 8, 0),
        struct.pack("<3I", 1, 8, 0) + GOOD[12:],
        struct.pack("<3I", 3, 8, 0) + GOOD[12:],
        struct.pack("<3I", 1, 16, 0) + GOOD[12:],
        struct.pack("<3I", 2**32 - 1, 2**32 - 1, 0),
        GOOD[:BEHIND] + bytes(64),
        GOOD[:BEHIND] + b"\xff" * 64,
        GOOD[:8] + bytes(40) + GOOD[BEHIND:],
        GOOD[:8] + b"\xff" * 40 + GOOD[BEHIND:],
        encoded(remembered(1), remembered(1).features * 2),
        encoded(remembered(1), np.full((1, 8), np.inf, np.float32)),
        encoded(remembered(1, views=2), np.concatenate([remembered(1).features, np.zeros((1, 8), np.float32)])),
        encoded(remembered(1), left=-0.01),
        encoded(remembered(1), right=1.01),
        encoded(remembered(1), top=1.0),
        encoded(remembered(1), bottom=float("nan")),
        encoded(remembered(1), left=float("inf")),
        struct.pack("<3I", 1, 2, 8) + GOOD[BEHIND:],
    ],
)
def test_rubbish_under_a_key_is_an_error_and_a_miss_and_is_overwritten(empty_redis: Any, rubbish: bytes) -> None:
    heard = Heard()
    cache = in_redis(empty_redis.url, heard)
    with empty_redis.client() as client:
        client.set("sluice:image:v5:print:float32:test:bad", rubbish)
    cache.put({"good": remembered(1)})
    assert alike(cache.get(["bad", "good", "none"]), {"good": remembered(1)})
    assert heard.counts == {"hit": 1, "miss": 1, "error": 1}
    cache.put({"bad": remembered(2)})
    assert alike(cache.get(["bad"]), {"bad": remembered(2)})
    cache.close()


@given(st.binary(max_size=200))
def test_any_bytes_are_views_of_unit_length_or_nothing(value: bytes) -> None:
    found = decode_image(value, 4)
    if found is not None:
        features, regions, unseen = found
        assert 0 <= unseen < 2**32
        assert 1 <= Signals(features, regions, MADE_BY).frames <= len(features) == len(regions)
        assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=0.01)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.data())
def test_an_image_survives_its_bytes(seed: int, views: int, data: st.DataObject) -> None:
    image = remembered(seed, views=views, frames=data.draw(st.integers(1, views)))
    value = encoded(image)
    assert len(value) == 12 + views * (20 + 2 * SPEC.features)
    found = decode_image(value, SPEC.features)
    assert found is not None
    assert alike({"a": Signals(found[0], found[1], MADE_BY, found[2])}, {"a": image})


def test_workers_that_see_images_differently_share_nothing(empty_redis: Any) -> None:
    in_redis(empty_redis.url).put(IMAGES)
    connection = patient(empty_redis.url)
    for spec, preprocess, limits in (
        (replace(SPEC, fingerprint="another"), "test", ""),
        (replace(SPEC, dtype="bfloat16"), "test", ""),
        (SPEC, "another", ""),
        (SPEC, "test", "8frames"),
    ):
        other = RedisFeatureCache(connection, spec, Provenance(spec.ref, preprocess), limits=limits)
        assert other.get(list(IMAGES)) == {}
    assert alike(RedisFeatureCache(connection, SPEC, MADE_BY).get(list(IMAGES)), IMAGES)
    connection.close()


def test_entries_live_as_long_as_they_were_told(empty_redis: Any) -> None:
    RedisFeatureCache(patient(empty_redis.url), SPEC, MADE_BY, keep=100.0).put({"a": remembered(1)})
    with empty_redis.client() as client:
        assert 0 < client.ttl("sluice:image:v5:print:float32:test:a") <= 100


def test_a_batch_is_one_round_trip_each_way(empty_redis: Any) -> None:
    """What Redis was sent one by one it would also have read one by one."""
    cache, images = in_redis(empty_redis.url), {f"sha-{number}": remembered(number) for number in range(64)}
    cache.get(["connected"])
    with empty_redis.client() as client:
        for call in (lambda: cache.put(images), lambda: cache.get(list(images))):
            before = client.info("stats")["total_reads_processed"]
            call()
            assert client.info("stats")["total_reads_processed"] - before < 8
    cache.close()


WITHIN = BUDGET + 2.0
"""Seconds that two calls may take where Redis is no help: beside the budget, what a loaded machine adds."""


def bounded(cache: RedisFeatureCache) -> float:
    """Ask and put; returns the seconds that both took together."""
    started = time.monotonic()
    assert cache.get(list(IMAGES)) == {}
    cache.put(IMAGES)
    return time.monotonic() - started


def test_a_killed_redis_costs_little_and_comes_back(redis_of_own: Any) -> None:
    now, heard = [1000.0], Heard()
    cache = in_redis(redis_of_own.url, heard, timeout=0.2, clock=lambda: now[0])
    cache.put(IMAGES)
    redis_of_own.kill()
    assert bounded(cache) < WITHIN
    assert heard.counts["error"] == 3
    redis_of_own.start()

    def back() -> bool:
        """A busy machine may take longer than the cache waits."""
        now[0] += 60.0
        cache.put(IMAGES)
        return alike(cache.get(list(IMAGES)), IMAGES)

    until(back, 60, "the cache gives again what it is given")
    cache.close()


def test_a_frozen_redis_costs_its_timeout_once(redis_of_own: Any) -> None:
    cache = in_redis(redis_of_own.url, timeout=0.1)
    cache.put(IMAGES)
    redis_of_own.pause()
    assert 0.05 < bounded(cache) < WITHIN
    assert sum(bounded(cache) for _ in range(20)) < 1.0
    redis_of_own.resume()
    cache.close()


def test_a_full_redis_is_read_as_before(redis_of_own: Any) -> None:
    heard = Heard()
    cache = in_redis(redis_of_own.url, heard)
    cache.put(IMAGES)
    with redis_of_own.client() as client:
        client.config_set("maxmemory", "1")
    cache.put({"new": remembered(9)})
    assert alike(cache.get([*IMAGES, "new"]), IMAGES)
    assert heard.counts == {"hit": 3, "miss": 1, "error": 0}
    cache.close()


class Slow:
    """A far cache whose writes wait until they are let go."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.kept: dict[str, Signals] = {}
        self.go = threading.Event()

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        self.asked.append(list(digests))
        return {digest: self.kept[digest] for digest in digests if digest in self.kept}

    def put(self, signals: Mapping[str, Signals]) -> None:
        assert self.go.wait(20)
        self.kept.update(signals)

    def close(self) -> None:
        pass


def test_a_write_holds_nobody_up_and_what_cannot_wait_is_dropped() -> None:
    far, many = Slow(), WAITING + 3
    cache = TieredFeatureCache(MemoryFeatureCache(100), far)
    for number in range(many):
        cache.put({str(number): remembered(number)})  # would hang if it waited for the write
    assert len(cache.get([str(number) for number in range(many)])) == many
    far.go.set()
    cache.close()
    assert alike(far.kept, {str(number): remembered(number) for number in range(WAITING)})


def test_there_is_room_again_once_it_is_written() -> None:
    far = Slow()
    far.go.set()
    cache = TieredFeatureCache(MemoryFeatureCache(100), far)
    for number in range(3 * WAITING):
        cache.put({str(number): remembered(number)})
        until(lambda number=number: str(number) in far.kept, 20, lambda: "a write")
    cache.close()


def test_what_is_near_is_not_asked_for_far_away_and_what_was_far_is_near_then() -> None:
    far = Slow()
    far.kept = dict(IMAGES)
    cache = TieredFeatureCache(MemoryFeatureCache(100), far)
    assert alike(cache.get([*IMAGES, "none"]), IMAGES)
    assert alike(cache.get([*IMAGES]), IMAGES)
    assert far.asked == [[*IMAGES, "none"]]
    cache.close()
