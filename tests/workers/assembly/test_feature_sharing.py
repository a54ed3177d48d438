"""Which workers share image features: those that asked for it and that would see the same in an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.adapters.memory import MemoryFeatureCache, NullEncoder
from pipeline.adapters.pillow import PillowDecoder
from pipeline.ports import EncoderSpec, FeatureCache, Hooks
from tests.signals_made import signals
from workers import assembly, services
from workers.assembly import Model
from workers.settings import Settings

SPEC = EncoderSpec("m", "print", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 4, 77, 100.0, None)
IMAGE = signals(np.eye(1, 4))


def cache_of(url: str, **settings: Any) -> FeatureCache:
    """As a worker with these settings has it."""
    made = Settings(redis_url=url, share_image_features=True, redis_timeout=5, **settings)
    decoder = PillowDecoder(SPEC, preprocess=made.preprocess)
    connection = services.redis_connection(made, budget=20)
    return assembly.build_feature_cache(made, Model(NullEncoder(SPEC), decoder), connection, Hooks())


@pytest.fixture
def known(empty_redis: Any) -> str:
    """A Redis that has one image of a worker with default settings."""
    cache = cache_of(empty_redis.url)
    cache.put({"sha": IMAGE})
    cache.close()
    return str(empty_redis.url)


def test_workers_of_the_same_settings_share(known: str) -> None:
    cache = cache_of(known, remember=0)
    found = cache.get(["sha"])["sha"]
    assert np.array_equal(found.features, IMAGE.features)
    assert np.array_equal(found.regions, IMAGE.regions)
    assert found.frames == 1
    cache.close()


@pytest.mark.parametrize(
    "other", [{"preprocess": "exact"}, {"max_frames": 4}, {"max_pixels": 1000}, {"max_views": 8}]
)
def test_workers_that_see_images_otherwise_do_not(known: str, other: dict[str, Any]) -> None:
    cache = cache_of(known, **other)
    assert cache.get(["sha"]) == {}
    cache.close()


def test_images_are_shared_for_as_long_as_the_setting_says(empty_redis: Any) -> None:
    cache = cache_of(empty_redis.url, image_features_ttl=50)
    cache.put({"sha": IMAGE})
    cache.close()
    with empty_redis.client() as client:
        [key] = client.keys()
        assert 0 < client.ttl(key) <= 50


def test_nothing_is_shared_unasked(empty_redis: Any) -> None:
    settings = Settings(redis_url=empty_redis.url)
    model = Model(NullEncoder(SPEC), PillowDecoder(SPEC))
    cache = assembly.build_feature_cache(settings, model, services.redis_connection(settings), Hooks())
    assert isinstance(cache, MemoryFeatureCache)
