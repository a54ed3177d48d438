"""What of a Redis that others write to is believed: nothing too long, and with a secret nothing unsigned."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.feature_values import encode_image, image_bytes
from pipeline.adapters.redis import REFUSED, RedisConnection, RedisFeatureCache, RedisTextCache
from pipeline.adapters.redis.signing import TAG, Signer
from pipeline.ports import Hooks
from tests.adapters.images_remembered import MADE_BY, SPEC, alike, remembered

SECRET = "correct horse battery staple"
IMAGE = f"sluice:image:v5:{SPEC.fingerprint}:{SPEC.dtype}:{MADE_BY.preprocess}:"


class Counted(Hooks):
    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    def shared_feature_cache(self, result: str, count: int) -> None:
        self.of[result] = self.of.get(result, 0) + count

    text_cache = shared_feature_cache


def connected(url: str, secret: str | None = SECRET) -> RedisConnection:
    return RedisConnection(url, timeout=5, budget=20, secret=secret)


@pytest.fixture
def connection(empty_redis: Any) -> Iterator[RedisConnection]:
    made = connected(empty_redis.url)
    yield made
    made.close()


class TestASignedValue:
    def test_is_what_was_written(self, connection: RedisConnection) -> None:
        connection.set([("a", b"one"), ("b", b"two")], 100)
        assert connection.get(["a", "b", "c"], 3) == [b"one", b"two", None]

    @pytest.mark.parametrize("forged", [b"one", b"x" * TAG, b"one" + b"x" * TAG, b"x"])
    def test_that_nobody_signed_is_refused(
        self, connection: RedisConnection, empty_redis: Any, forged: bytes
    ) -> None:
        with empty_redis.client() as client:
            client.set("a:signed", forged)
        assert connection.get(["a"], 100) == [REFUSED]

    def test_under_the_key_of_another_is_refused(self, connection: RedisConnection, empty_redis: Any) -> None:
        """Features of a clean image under the hash of a bad one would make an allow of it."""
        cache, counted = RedisFeatureCache(connection, SPEC, MADE_BY), Counted()
        cache.put({"clean": remembered(1), "bad": remembered(2)})
        with empty_redis.client() as client:
            client.set(f"{IMAGE}bad:signed", client.get(f"{IMAGE}clean:signed"))
        found = RedisFeatureCache(connection, SPEC, MADE_BY, hooks=counted).get(["clean", "bad"])
        assert alike(found, {"clean": remembered(1)})
        assert counted.of == {"hit": 1, "miss": 0, "error": 1}
        cache.put({"bad": remembered(2)})
        assert alike(cache.get(["bad"]), {"bad": remembered(2)})

    def test_by_another_secret_is_refused(self, connection: RedisConnection, empty_redis: Any) -> None:
        other = connected(empty_redis.url, "another secret of some length")
        other.set([("a", b"one")], 100)
        assert connection.get(["a"], 100) == [REFUSED]
        other.close()

    def test_and_one_without_a_signature_do_not_overwrite_each_other(
        self, connection: RedisConnection, empty_redis: Any
    ) -> None:
        plain = connected(empty_redis.url, None)
        connection.set([("a", b"signed")], 100)
        plain.set([("a", b"plain")], 100)
        assert (connection.get(["a"], 100), plain.get(["a"], 100)) == ([b"signed"], [b"plain"])
        connection.delete(["a"])
        assert (connection.get(["a"], 100), plain.get(["a"], 100)) == ([None], [b"plain"])
        plain.close()


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=80))
def test_a_signature_holds_for_its_key_and_value_alone(key: str, value: bytes, other: str, forged: bytes) -> None:
    signer = Signer(SECRET)
    signed = signer.sign(key, value)
    assert signer.opened(key, signed) == value
    assert other == key or signer.opened(other, signed) is None
    assert forged == signed or signer.opened(key, forged) is None
    assert signer.opened(key, signed[1:]) is None


class TestWhatIsTooLong:
    def test_is_refused_and_not_read(self, empty_redis: Any) -> None:
        connection = connected(empty_redis.url, None)
        with empty_redis.client() as client:
            client.setrange("a", 60_000_000, b"x")
            client.set("b", b"123")
        connection.get(["b"], 3)
        tracemalloc.start()
        try:
            assert connection.get(["a", "b"], 3) == [REFUSED, b"123"]
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
        connection.close()

    def test_is_an_error_of_the_image_cache(self, empty_redis: Any) -> None:
        counted = Counted()
        cache = RedisFeatureCache(connected(empty_redis.url, None), SPEC, MADE_BY, max_views=4, hooks=counted)
        signals = remembered(1, views=5)
        value = encode_image(signals.features, signals.regions)
        assert len(value) == image_bytes(5, SPEC.features)
        with empty_redis.client() as client:
            client.set(f"{IMAGE}five", value)
        cache.put({"four": remembered(2, views=4)})
        assert alike(cache.get(["five", "four"]), {"four": remembered(2, views=4)})
        assert counted.of == {"hit": 1, "miss": 0, "error": 1}
        cache.close()


def test_a_text_of_another_models_length_is_no_hit(empty_redis: Any) -> None:
    counted = Counted()
    cache = RedisTextCache(connected(empty_redis.url), hooks=counted)
    vector = np.full(4, 0.5, np.float32)
    cache.put("model", {"d": vector})
    assert cache.get("model", ["d"], 8) == cache.get("model", ["d"], 2) == {}
    assert counted.of == {"hit": 0, "miss": 0, "error": 2}
    assert np.array_equal(cache.get("model", ["d"], 4)["d"], vector)
    cache.close()


def test_a_key_that_holds_no_string_is_refused_and_the_others_are_read(
    connection: RedisConnection, empty_redis: Any
) -> None:
    with empty_redis.client() as client:
        client.rpush("list:signed", b"one")
        client.sadd("set:signed", b"one")
        client.set("empty:signed", b"")
    connection.set([("a", b"one")], 100)
    assert connection.get(["list", "set", "empty", "a"], 100) == [REFUSED, REFUSED, None, b"one"]
