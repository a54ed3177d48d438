"""The bench of a start whose prompts are all in Redis: it measures such a start, and leaves no key behind."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.errors import ServiceError, UsageError
from workers.bench import warm_prompts as bench
from workers.bench.warm_prompts import PROMPTS, warm_prompts
from workers.settings import Settings


def test_it_measures_and_deletes_what_it_wrote(empty_redis: Any) -> None:
    with empty_redis.client() as client:
        client.set("sluice:text:v1:of-a-worker:digest", b"stays")
        client.config_resetstat()
        found = warm_prompts(Settings(redis_url=empty_redis.url, redis_timeout=5))
        assert found.prompts == PROMPTS
        assert found.ready > 0
        assert found.parse > 0
        assert client.keys() == [b"sluice:text:v1:of-a-worker:digest"]
        # Written once, and found by every round: a round that encodes anything writes again.
        stats = client.info("commandstats")
        assert stats["cmdstat_set"]["calls"] == PROMPTS
        assert stats["cmdstat_getrange"]["calls"] == PROMPTS * (1 + bench.ROUNDS)


def test_a_redis_that_forgets_is_no_figure(redis_of_own: Any) -> None:
    with redis_of_own.client() as client:
        client.config_set("maxmemory", "1")
    with capture_logs(), pytest.raises(ServiceError, match="is it up, and not full"):
        warm_prompts(Settings(redis_url=redis_of_own.url, redis_timeout=5))


def test_without_a_redis_there_is_nothing_to_measure() -> None:
    with pytest.raises(UsageError, match="--redis-url"):
        warm_prompts(Settings())
