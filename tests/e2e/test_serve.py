"""`sluice serve` as it is deployed, with what it judges on the record: answered once it is in Kafka."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.wire import FeaturesRecord, parse_archive_record
from tests.e2e.pipeline_under_test import START, Pipeline
from tests.services.processes import HOST, free_port, http_get

SAMPLE = (Path(__file__).resolve().parents[2] / "policies" / "samples" / "kitchen-knife-01.jpg").read_bytes()
TOKEN = "a-token-of-the-shop"


def _posted(address: str, image: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    said = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {TOKEN}", "traceparent": "00-ab-cd-01", **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, image, said), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_what_is_posted_is_on_the_record_before_it_is_answered(
    make_pipeline: Callable[..., Pipeline], new_topic: Callable[..., str]
) -> None:
    pipeline, features, port = make_pipeline(), new_topic(), free_port()
    settings = {**pipeline.topic_settings, **pipeline.settings, "features_topic": features, "archive": "features"}
    del settings["commit_interval"], settings["session_timeout"], settings["images_topic"]
    own = {"api_port": 0, "api_publish": True, "metrics_port": port, "metrics_host": HOST, "api_host": "0.0.0.0"}
    process = pipeline.command("serve", env={"SLUICE_CONSOLE_TOKENS": f"shop:viewer:{TOKEN}"}, **settings, **own)
    started = json.loads(process.wait_for_line(r'^.*"api_started".*$', START).group())
    judge = f"{started['at']}v1/judge"
    assert http_get(f"http://{HOST}:{port}/readyz") == (200, "ok\n")

    status, decision = _posted(judge, SAMPLE, **{"Sluice-Image-Id": "knife"})
    assert status == 200
    [answer] = pipeline.answers().all
    assert answer.decision == decision
    assert answer.record.header("traceparent") == b"00-ab-cd-01"
    status, letter = _posted(judge, b"no picture")
    assert status == 422
    assert [each.event_id for each in pipeline.answers().dead_letters] == [letter["event_id"]]
    assert _posted(f"{started['at']}v1/embeddings", SAMPLE)[0] == 200
    assert pipeline.answered() == 2
    kept = [parse_archive_record(each.value or b"") for each in pipeline.kafka.read_all(features)]
    assert [each.decision.image_id for each in kept if isinstance(each, FeaturesRecord)] == ["knife"]

    _, page = http_get(f"http://{HOST}:{port}/metrics")
    assert 'sluice_images_total{outcome="decided"}' in page
    assert "sluice_assigned_partitions" not in page, "alerts would take it for a worker that owns nothing"

    assert _posted(judge, SAMPLE, Authorization="Bearer nobodys")[0] == 401
    assert process.terminate() == 0
    assert '"api_stopped"' in process.stderr()
