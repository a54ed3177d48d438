"""How little the text cache in Redis lets anybody notice of Redis."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.feature_values import decode_vectors, encode_vector
from pipeline.adapters.redis import BUDGET, RedisConnection, RedisTextCache
from pipeline.ports import Hooks
from pipeline.rules.flow.breaker import Breaker
from tests.adapters.conftest import Heard
from tests.adapters.text_vectors import VECTORS, D, unit


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def in_redis(url: str, *, hooks: Hooks | None = None, keep: float = 1000.0, **connection: Any) -> RedisTextCache:
    return RedisTextCache(RedisConnection(url, **connection), keep=keep, hooks=hooks)


PATIENT = {"timeout": 5, "budget": 20}
"""For what is not about time: a busy machine may take its own."""


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.mark.parametrize(
    "rubbish",
    [
        b"abc",
        encode_vector(unit(1, D // 2)),
        encode_vector(unit(1, 2 * D)),
        b"<html>",
        encode_vector(unit(1))[:-1],
        encode_vector(unit(1) * 2),
        encode_vector(np.full(256, np.nan, np.float32)),
        encode_vector(np.full(256, np.inf, np.float32)),
        encode_vector(np.zeros(256, np.float32)),
    ],
)
def test_rubbish_under_a_key_is_an_error_and_a_miss_and_is_overwritten(
    empty_redis: Any, heard: Heard, rubbish: bytes
) -> None:
    cache = in_redis(empty_redis.url, hooks=heard, **PATIENT)
    with empty_redis.client() as client:
        client.set("sluice:text:v1:model:bad", rubbish)
    cache.put("model", {"good": unit(1)})
    assert set(cache.get("model", ["bad", "good"], D)) == {"good"}
    assert (heard.text["hit"], heard.text["error"]) == (1, 1)
    cache.put("model", {"bad": unit(2)})
    assert np.array_equal(cache.get("model", ["bad"], D)["bad"], unit(2))
    cache.close()


def test_a_key_that_holds_a_list_is_a_miss_and_is_overwritten(empty_redis: Any, heard: Heard) -> None:
    cache = in_redis(empty_redis.url, hooks=heard, **PATIENT)
    with empty_redis.client() as client:
        client.rpush("sluice:text:v1:model:d", b"one", b"two")
    assert cache.get("model", ["d"], D) == {}
    cache.put("model", {"d": unit(1)})
    assert set(cache.get("model", ["d"], D)) == {"d"}
    cache.close()


def test_entries_do_not_live_for_ever(empty_redis: Any) -> None:
    cache = in_redis(empty_redis.url, keep=100.0, **PATIENT)
    cache.put("model", VECTORS)
    with empty_redis.client() as client:
        assert 0 < client.ttl("sluice:text:v1:model:digest-0") <= 100
    cache.close()


WITHIN = BUDGET + 2.0
"""Seconds that two calls may take where Redis is no help: beside the budget, what a loaded machine adds."""


def bounded(cache: RedisTextCache) -> float:
    """Ask and put; returns the seconds that both took together."""
    started = time.monotonic()
    assert cache.get("model", list(VECTORS), D) == {}
    cache.put("model", VECTORS)
    return time.monotonic() - started


def test_a_killed_redis_costs_little_and_comes_back(redis_of_own: Any, heard: Heard) -> None:
    clock = Clock()
    cache = in_redis(redis_of_own.url, hooks=heard, timeout=0.2, clock=clock)
    cache.put("model", VECTORS)
    redis_of_own.kill()
    assert bounded(cache) < WITHIN
    assert heard.text["error"] == 3
    redis_of_own.start()
    clock.now += 4.9
    assert cache.get("model", list(VECTORS), D) == {}  # it still rests
    clock.now += 0.2
    cache.put("model", VECTORS)
    assert len(cache.get("model", list(VECTORS), D)) == 3
    cache.close()


def test_a_frozen_redis_costs_its_timeout_once(redis_of_own: Any) -> None:
    """The connection stands, nobody answers: one wait, then none until the rest is over."""
    cache = in_redis(redis_of_own.url, timeout=0.1)
    cache.put("model", VECTORS)
    redis_of_own.pause()
    assert 0.05 < bounded(cache) < WITHIN
    assert sum(bounded(cache) for _ in range(20)) < 1.0
    redis_of_own.resume()
    cache.close()


def test_a_frozen_redis_that_was_never_reached_costs_no_more(redis_of_own: Any) -> None:
    redis_of_own.pause()
    cache = in_redis(redis_of_own.url, timeout=0.1)
    assert bounded(cache) < WITHIN
    redis_of_own.resume()
    cache.close()


def test_a_server_that_drips_is_cut_off() -> None:
    """Each byte comes within the socket's timeout, so only the budget of the whole call helps."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_drip, args=(server,), daemon=True).start()
        cache = in_redis(f"redis://127.0.0.1:{server.getsockname()[1]}/0", timeout=0.1)
        assert bounded(cache) < WITHIN
        cache.close()


def _drip(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.sendall(b"*3\r\n$1024\r\n")
    try:
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)
    except OSError:
        connection.close()


def test_a_wrong_password_is_a_miss(secure_redis: Any) -> None:
    cache = in_redis(
        f"rediss://127.0.0.1:{secure_redis.port}/0", password="wrong", cafile=str(secure_redis.certificate.cert)
    )
    assert bounded(cache) < WITHIN
    cache.close()


def test_tls_and_a_password_work(secure_redis: Any) -> None:
    cache = in_redis(
        f"rediss://127.0.0.1:{secure_redis.port}/0",
        password=secure_redis.password,
        cafile=str(secure_redis.certificate.cert),
        **PATIENT,
    )
    cache.put("model", VECTORS)
    assert len(cache.get("model", list(VECTORS), D)) == 3
    cache.close()


def test_a_certificate_that_nobody_vouches_for_is_a_miss(secure_redis: Any) -> None:
    cache = in_redis(f"rediss://127.0.0.1:{secure_redis.port}/0", password=secure_redis.password)
    assert bounded(cache) < WITHIN
    cache.close()


def test_the_breaker_rests_longer_after_each_failure_and_starts_over_after_a_success() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    rests = []
    for _ in range(6):
        assert breaker.closed
        rests.append(breaker.failed())
        assert not breaker.closed
        clock.now += rests[-1]
    assert rests == [5, 10, 20, 40, 60, 60]
    breaker.worked()
    assert breaker.failed() == 5


def test_calls_that_fail_side_by_side_are_one_failure() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.now += 1
    assert breaker.failed() == 4
    clock.now += 4
    assert breaker.failed() == 10


def test_good_and_bad_values_of_many_lengths_are_told_apart() -> None:
    good = {f"good-{seed}": unit(seed, 16) for seed in range(3)}
    bad = {"zeros": bytes(64), "seven": b"x" * 7, "doubled": encode_vector(unit(1, 16) * 2), "none": b""}
    bad |= {f"of {dimension}": encode_vector(unit(1, dimension)) for dimension in (4, 8, 15, 17, 32, 512)}
    found = decode_vectors({**bad, **{name: encode_vector(vector) for name, vector in good.items()}}, 16)
    assert found.keys() == good.keys()
    assert all(np.array_equal(found[name], good[name]) for name in good)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_a_unit_vector_or_nothing(value: bytes, dimension: int) -> None:
    for vector in decode_vectors({"d": value}, dimension).values():
        assert vector.shape == (dimension,) == (len(value) // 4,)
        assert abs(float(np.linalg.norm(vector)) - 1) < 0.01


@given(st.integers(0, 2**32 - 1), st.integers(1, 1024))
def test_a_vector_survives_its_bytes(seed: int, dimension: int) -> None:
    vector = unit(seed, dimension)
    assert np.array_equal(decode_vectors({"d": encode_vector(vector)}, dimension)["d"], vector)
