"""``sluice doctor`` beside a real Kafka and a real Redis, well and unwell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.pipeline_under_test import Pipeline
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, free_port
from tests.services.redis import RedisServer

RUN = 240.0
Found = dict[str, dict[str, Any]]


def examined(pipeline: Pipeline, status: int, **settings: object) -> Found:
    given = {**pipeline.topic_settings, **pipeline.settings, "metrics_host": HOST}
    given |= {name: free_port() for name in ("metrics_port", "console_port", "api_port")}
    process = pipeline.command("doctor", "--json", **{**given, **settings})
    assert process.wait(RUN) == status, str(process)
    report = json.loads(process.stdout())
    assert report["well"] == (status == 0)
    assert all(each["status"] == "ok" or each["todo"] for each in report["checks"])
    return {each["check"]: each for each in report["checks"]}


def test_a_well_place_has_no_failure(
    make_pipeline: Callable[..., Pipeline], redis_server: RedisServer, tmp_path: Path
) -> None:
    pipeline = make_pipeline(partitions=3)
    found = examined(pipeline, 0, redis_url=redis_server.url, redis_timeout=10, archive_at=tmp_path)
    assert {name.partition(" ")[0] for name in found} == {
        *("settings", "codecs", "broker", "topic", "clock", "redis", "policies", "model", "disk", "archive"),
        *("memory", "metrics", "console", "api"),
    }
    well = ("settings", "codecs", "broker", "clock", "redis", "model", "disk", "metrics port", "console", "api")
    assert {name: found[name]["status"] for name in well} == dict.fromkeys(well, "ok")
    assert "Kafka is" in found["clock"]["found"]
    assert "Redis is" in found["clock"]["found"]
    assert found[f"topic {pipeline.images}"]["found"].startswith("3 partitions, 1 replica")
    assert "@" in found["model"]["found"]
    assert found["archive"]["found"].endswith("no segments; it can be written")


def test_each_thing_that_is_wrong_is_told_beside_the_others_and_no_secret_is(
    make_pipeline: Callable[..., Pipeline], redis_of_own: RedisServer, kafka: KafkaBroker
) -> None:
    """Redis hangs; the decisions topic is compacted and narrow; another topic is missing; the model is not there."""
    pipeline = make_pipeline()
    kafka.configure_topic(pipeline.decisions, {"cleanup.policy": "compact", "max.message.bytes": "1000"})
    redis_of_own.pause()
    found = examined(
        pipeline,
        1,
        redis_url=redis_of_own.url.replace("redis://", "redis://:hidden-word@"),
        dead_letters_topic="absent",
        model="ViT-B-23",
    )
    assert found["redis"]["status"] == "warn", "it is a cache"
    assert "hidden-word" not in json.dumps(found)
    assert (found["topic absent"]["status"], found["model"]["status"]) == ("fail", "fail")
    assert "sluice topics create" in found["topic absent"]["todo"]
    assert "did you mean" in json.dumps(found["model"])
    assert found["broker"]["status"] == "ok"
    pipeline_of_topics = examined(pipeline, 0)
    narrow = pipeline_of_topics[f"topic {pipeline.decisions}"]
    assert narrow["status"] == "warn"
    assert "cleanup.policy to delete" in narrow["todo"]
    assert "max.message.bytes" in narrow["todo"]


def test_without_a_broker_all_else_is_told_in_lines(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline()
    settings = {**pipeline.settings, "bootstrap_servers": f"{HOST}:{free_port()}", "metrics_port": 0}
    process = pipeline.command("doctor", **settings)
    assert process.wait(RUN) == 1, str(process)
    lines = process.stdout().splitlines()
    assert [line.split()[0] for line in lines if "broker" in line.split()[1]] == ["fail"]
    told = {line.split()[1] for line in lines}
    assert {"settings", "redis", "policies", "model", "console", "api"} <= told
    assert "start one" in process.stdout()
