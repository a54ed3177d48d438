"""Redis is a cache and never a dependency: whatever becomes of it, decisions are those of a worker without it.

The bound on a delay comes from the adapter: each wait for the socket ends after ``redis_timeout`` (0.05 s), each call
after half a second, and after a failure no call touches Redis for five seconds. So a policy edit, which makes one
call to look and one to store, is late by less than a second; the tests grant it `SOON`.

All workers here take one picture at a time, so that the model sees the same shapes in all of them and scores can be
compared to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.rules.heads.ensembles import digest
from tests.conftest import had_or_skipped
from tests.e2e.answers import EventRef
from tests.e2e.conftest import Settings
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import Pipeline, Worker, pipeline_on
from tests.e2e.policies_under_test import PROMPTS, TEMPLATES, edit, policy, write_policies
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.redis import RedisServer

SOON = 5.0
"""Seconds in which an edit is live whatever Redis does; two of them are promised without any trouble."""


@dataclass
class Fleet:
    """A worker without Redis and workers with it, on the same pictures and policies, each with answers of its own."""

    redis: RedisServer
    policies: Path
    alone: tuple[Pipeline, Worker]
    sharing: list[tuple[Pipeline, Worker]]
    edits: Iterator[int]
    numbers: Iterator[int]

    def add(self) -> Worker:
        """Start one more worker with Redis, and wait until it is ready."""
        pipeline = self.alone[0].beside(redis_url=self.redis.url)
        worker = pipeline.worker()
        self.sharing.append((pipeline, worker))
        worker.wait_until_ready()
        return worker

    def edit(self, prompts: list[str]) -> None:
        """Add a policy with those prompts, and wait until it is live everywhere, which must be `SOON`."""
        number = next(self.edits)
        workers = [worker for _, worker in (self.alone, *self.sharing)]
        lines = [len(worker.logged("policies_live")) for worker in workers]
        edit(self.policies, f"added-{number}.yaml", policy("Added", prompts, {"label": 0.1, "review": 0.3}))
        for worker, before in zip(workers, lines, strict=True):
            worker.wait_for_log("policies_live", before + 1, within=SOON)

    def assert_same_decisions(self, pictures: int = 8) -> None:
        """Send pictures that are new to all, and compare what each worker makes of them."""
        sent = self.alone[0].send([picture(20_000 + next(self.numbers)) for _ in range(pictures)])
        refs = {(event.partition, event.offset) for event in sent}
        expected = _decisions(self.alone, refs)
        assert len({str(each["scores"]) for each in expected.values()}) == pictures, "the pictures score alike"
        for sharing in self.sharing:
            assert _decisions(sharing, refs) == expected, str(sharing[1].process)


@pytest.fixture(scope="module")
def fleet(kafka: KafkaBroker, quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One worker without Redis and one with it, which was empty when it started."""
    folder = tmp_path_factory.mktemp("redis-trouble")
    policies = write_policies(folder / "policies")
    with (
        closing(had_or_skipped(RedisServer(folder).start)) as redis,
        pipeline_on(kafka, folder, **{**quick, "policies": policies, "max_batch": 1}) as without,
    ):
        with_redis = without.beside(redis_url=redis.url)
        alone, sharing = (without, without.worker()), (with_redis, with_redis.worker())
        for _, worker in (alone, sharing):
            worker.wait_until_ready()
        yield Fleet(redis, policies, alone, [sharing], count(1), count())


def test_a_second_worker_finds_every_text_in_redis(fleet: Fleet) -> None:
    first = fleet.sharing[0][1]
    assert text_lookups(first) == {"hit": 0, "miss": PROMPTS, "error": 0}
    second = fleet.add()
    assert text_lookups(second) == {"hit": PROMPTS, "miss": 0, "error": 0}
    fleet.assert_same_decisions()


def test_rubbish_in_redis_is_not_believed(fleet: Fleet) -> None:
    """The rubbish lies where the workers will look after the next edit, in every kind that a key can hold."""
    dimensions, ones = 32, np.ones(32, "<f4")
    rubbish: dict[str, Any] = {
        "too short": ones[:-1].tobytes(),
        "too long": np.eye(1, dimensions + 1, dtype="<f4").tobytes(),
        "a broken length": b"abc",
        "nothing": b"",
        "not a number": (ones * np.nan).tobytes(),
        "without an end": (ones * np.inf).tobytes(),
        "zeros": (ones * 0).tobytes(),
        "text": b"x" * 4 * dimensions,
    }
    key = f"sluice:text:v1:{fingerprint(fleet)}:{{}}".format
    with fleet.redis.client() as client:
        for prompt, value in rubbish.items():
            client.set(key(digest(prompt, TEMPLATES)), value)
        client.rpush(key(digest("a list", TEMPLATES)), "item")
        assert client.exists(key(digest("a knife", TEMPLATES))), "the workers keep their texts somewhere else"

    fleet.edit([*rubbish, "a list"])

    fleet.assert_same_decisions()
    with fleet.redis.client() as client:
        mended = [client.get(key(digest(prompt, TEMPLATES))) for prompt in rubbish]
    assert [len(value or b"") for value in mended] == [4 * dimensions] * len(rubbish)
    assert set(mended).isdisjoint(rubbish.values()), "rubbish is still there for the next worker"


def test_a_frozen_redis_delays_an_edit_by_a_bounded_time(fleet: Fleet) -> None:
    """The first edit asks Redis and gives up; the next, seconds later, does not even ask."""
    failures = len(fleet.sharing[0][1].logged("redis_failed"))
    fleet.redis.pause()
    fleet.edit(["a bottle of wine"])
    fleet.edit(["a glass of beer"])
    fleet.assert_same_decisions()
    for _, worker in fleet.sharing:
        assert text_lookups(worker)["error"] >= 2
    assert len(fleet.sharing[0][1].logged("redis_failed")) == failures + 1


def test_a_worker_starts_beside_a_frozen_redis(fleet: Fleet) -> None:
    """The worker asks Redis once and does without: one failure in the whole start."""
    worker = fleet.add()
    assert len(worker.logged("redis_failed")) == 1
    assert text_lookups(worker)["hit"] == 0
    fleet.assert_same_decisions()


def test_a_killed_redis_changes_nothing(fleet: Fleet) -> None:
    fleet.redis.resume()
    fleet.redis.kill()
    fleet.edit(["a syringe"])
    fleet.assert_same_decisions()
    for _, worker in (fleet.alone, *fleet.sharing):
        assert worker.process.running, str(worker.process)


def text_lookups(worker: Worker) -> dict[str, float]:
    """How many of its look-ups of text features have ended in each way."""
    name = "sluice_text_cache_lookups_total"
    return {result: worker.metric(name, result=result) for result in ("hit", "miss", "error")}


def fingerprint(fleet: Fleet) -> str:
    """The fingerprint of the model that all workers run."""
    return str(fleet.alone[1].logged("worker_started")[0]["fingerprint"])


def _decisions(where: tuple[Pipeline, Worker], refs: set[EventRef]) -> dict[EventRef, Any]:
    """The decisions on those events, without the time at which they were made."""
    pipeline, worker = where

    def probe() -> dict[EventRef, Any] | None:
        found = {ref: each for ref, each in pipeline.answers().by_event.items() if ref in refs}
        return found if len(found) == len(refs) else None

    answers = until(probe, 30, lambda: f"answers to {refs} of {worker.process}")
    decided = {ref: answer.decision or {} for ref, [answer] in answers.items()}
    return {ref: {**decision, "decided_at": None} for ref, decision in decided.items()}
