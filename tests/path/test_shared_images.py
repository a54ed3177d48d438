"""Workers that share Redis encode an image once between them, and without Redis each does for itself."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from structlog.testing import capture_logs

from pipeline.adapters.memory import MemoryFeatureCache, NullEncoder
from pipeline.adapters.memory.tiered import TieredFeatureCache
from pipeline.adapters.redis import RedisConnection, RedisFeatureCache
from pipeline.items import Batch, Item, Pixels
from pipeline.path.encode import Encode
from pipeline.path.recall import Recall
from pipeline.ports import EncoderSpec, Hooks
from pipeline.signals import Features
from pipeline.wire import Event
from tests.signals_made import MADE_BY, whole

SPEC = EncoderSpec("m", "print", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 8, 77, 100.0, None)


class Counting(NullEncoder):
    """Counts the views that it encodes."""

    views = 0

    def encode_images(self, pixels: Pixels) -> Features:
        self.views += len(pixels)
        return super().encode_images(pixels)


class Heard(Hooks):
    def __init__(self) -> None:
        self.counts = {"hit": 0, "miss": 0}

    def feature_cache(self, result: str, count: int) -> None:
        self.counts[result] += count


class Worker:
    """What remembers images in one worker: memory of its own, a Redis, and the two stages around them."""

    def __init__(self, url: str) -> None:
        self.heard, self.encoder = Heard(), Counting(SPEC)
        shared = RedisFeatureCache(RedisConnection(url, timeout=5, budget=20), SPEC, MADE_BY)
        self.cache = TieredFeatureCache(MemoryFeatureCache(100), shared)
        self._recall = Recall(self.cache, self.heard)
        self._encode = Encode(self.encoder, MADE_BY, self.cache, Hooks())

    def features(self, *images: bytes) -> list[tuple[list[Any], int]]:
        """Of each image and its frames; an image's first byte says how many views, the second what they show."""
        batch = Batch([Item(Event("t", 0, at, None, image, ())) for at, image in enumerate(images)])
        for item, image in zip(batch.items, images, strict=True):
            item.image, item.content_sha256 = image, sha256(image).hexdigest()
        for item in self._recall(batch).items:
            if item.signals is None:
                item.pixels = np.full((item.image[0], 2, 2, 3), item.image[1], np.uint8)
                item.regions = whole(item.image[0], frames=item.image[0])
        done = [item.signals for item in self._encode(batch).items]
        return [(each.features.tolist(), each.frames) for each in done if each is not None]


def test_two_workers_encode_an_image_once(empty_redis: Any) -> None:
    first, second = Worker(empty_redis.url), Worker(empty_redis.url)
    found = first.features(b"\x01\xff", b"\x03\x07")
    first.cache.close()  # all is written
    assert second.features(b"\x03\x07", b"\x01\xff", b"\x02\x09")[:2] == found[::-1]
    assert (first.encoder.views, second.encoder.views) == (4, 2)
    assert second.heard.counts == {"hit": 2, "miss": 1}
    second.cache.close()


def test_a_worker_asks_redis_for_an_image_once(redis_of_own: Any) -> None:
    first, second = Worker(redis_of_own.url), Worker(redis_of_own.url)
    found = first.features(b"\x01\xff")
    first.cache.close()
    assert second.features(b"\x01\xff") == found
    redis_of_own.kill()
    assert second.features(b"\x01\xff") == found
    assert second.encoder.views == 0
    second.cache.close()


def test_without_redis_each_comes_to_the_same(redis_of_own: Any) -> None:
    with_redis = Worker(redis_of_own.url)
    found = with_redis.features(b"\x02\x80", b"\x01\x11")
    with_redis.cache.close()
    redis_of_own.kill()
    without = Worker(redis_of_own.url)
    with capture_logs() as logs:
        assert without.features(b"\x02\x80", b"\x01\x11") == found
    assert [each["event"] for each in logs] == ["redis_failed"]
    assert without.encoder.views == 3
    without.cache.close()


def test_an_image_that_stands_twice_in_a_batch_is_recalled_twice(empty_redis: Any) -> None:
    first, second = Worker(empty_redis.url), Worker(empty_redis.url)
    first.features(b"\x01\xff")
    first.cache.close()
    [one, other] = second.features(b"\x01\xff", b"\x01\xff")
    assert one == other
    assert second.heard.counts == {"hit": 2, "miss": 0}
    second.cache.close()
