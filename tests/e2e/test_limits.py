"""A policy that suddenly flags everything, on a real Kafka and Redis: braked, told to the fleet, and let go again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.e2e.pictures import pictures
from tests.e2e.pipeline_under_test import STOP, Pipeline, Worker
from tests.e2e.policies_under_test import edit, policy, write_policies
from tests.services.deadline import until
from tests.services.redis import RedisServer

LIMITS = "limits: {rate: 0.5%, per: 10m}\n"
BROAD = policy("Weapons", ["a knife", "a gun"], {"block": 0.0}) + LIMITS
"""As a threshold with a slip of the pen: every image is blocked."""
ENOUGH = 12
"""Flagged images of as many at which it is held."""
NOTE = "weapons is over its limit of 0.5% per 10m: block became review"


@dataclass
class Stream:
    """Pictures that nobody saw before, to both partitions in turn."""

    pipeline: Pipeline
    numbers: count[int]

    def decided(self, number: int, *workers: Worker) -> Sequence[dict[str, Any]]:
        """The decisions on that many more, in the order in which they were sent to each partition."""
        before, start = self.pipeline.answered(), next(self.numbers) * 100
        sent = self.pipeline.send(pictures(number, start), start=start)
        self.pipeline.wait_for_answers(before + number, *workers)
        events = {(each.partition, each.offset) for each in sent}
        return [
            each
            for each in self.pipeline.answers().decisions
            if (each["source"]["partition"], each["source"]["offset"]) in events
        ]


def until_held(worker: Worker, held: bool) -> None:
    def as_said() -> bool:
        return worker.metric("sluice_policy_held", policy="weapons") == held

    until(as_said, 30, lambda: f"weapons {'held' if held else 'let go'} by {worker.process}")


def test_a_policy_that_flags_everything_is_braked_by_the_fleet_until_it_is_released_or_edited(
    make_pipeline: Callable[..., Pipeline], empty_redis: RedisServer, tmp_path: Path
) -> None:
    folder = write_policies(tmp_path / "own")
    edit(folder, "weapons.yaml", BROAD.replace("block: 0.0", "block: 0.99"))
    shared = {"policies": folder, "redis_url": empty_redis.url, "model": "bundled"}
    pipeline = make_pipeline(partitions=2, **shared)
    stream = Stream(pipeline, count(1))
    [one] = pipeline.workers(1)
    assert one.metric("sluice_policy_held", policy="weapons") == 0

    edit(folder, "weapons.yaml", BROAD)
    one.wait_for_log("policies_live")
    found = stream.decided(ENOUGH + 4, one)
    assert sorted(each["verdict"] for each in found) == ["block"] * (ENOUGH - 1) + ["review"] * 5
    braked = [each for each in found if each["verdict"] == "review"]
    assert all(each["notes"] == [NOTE] for each in braked)
    own = [match for each in braked for match in each["matches"] if match["policy"] == "weapons"]
    assert [(match["action"], match["judged"]) for match in own] == [("review", "block")] * 5
    until_held(one, True)

    # A worker that starts now, as one that starts anew does, remembers nothing, and obeys.
    [other] = pipeline.workers(1)
    until_held(other, True)
    for worker in (one, other):
        worker.wait_for_partitions(1)
    assert {each["verdict"] for each in stream.decided(6, one, other)} == {"review"}

    release = {"policies": folder, "redis_url": empty_redis.url, "group": pipeline.group}
    assert pipeline.command("policy", "release", "weapons", **release).wait(STOP) == 0
    for worker in (one, other):
        until_held(worker, False)
    # Neither sees as many as it takes, but both together do.
    assert {each["verdict"] for each in stream.decided(2 * (ENOUGH - 2), one, other)} == {"block"}
    for worker in (one, other):
        assert worker.metric("sluice_limits_workers") == 2
        until_held(worker, True)
    together = [line["workers"] for worker in (one, other) for line in worker.logged("policy_held")]
    assert max(together) == 2, together

    edit(folder, "weapons.yaml", BROAD.replace("block: 0.0", "block: 0.0001"))
    for worker in (one, other):
        until_held(worker, False)
    assert all("judged" not in match for each in stream.decided(4, one, other) for match in each["matches"])
