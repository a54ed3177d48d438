"""Features shared through Redis, a cache and never a dependency: whatever becomes of it, decisions are the same."""

from __future__ import annotations

from pipeline.adapters.redis.connection import BUDGET, REFUSED, RedisConnection, url_problem
from pipeline.adapters.redis.feature_cache import RedisFeatureCache
from pipeline.adapters.redis.text_cache import RedisTextCache, text_key

__all__ = ["BUDGET", "REFUSED", "RedisConnection", "RedisFeatureCache", "RedisTextCache", "text_key", "url_problem"]
