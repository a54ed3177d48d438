"""The console beside a real Kafka: as a platform engineer starts it, and as a browser asks it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx2

from pipeline.wire import parse_audit
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import ANSWER, STOP, Pipeline, Worker
from tests.services.deadline import until
from tests.services.processes import HOST, free_port, http_get


def page_of(address: str, path: str) -> str:
    found = http_get(f"{address}{path}")
    return "" if found is None else found[1]


def test_answers_of_a_running_pipeline_are_on_its_pages_with_pictures_from_kafka_and_from_claims(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    pipeline = make_pipeline(partitions=2, fetch_allowed_stores=f"file://{tmp_path}/images")
    port, pages = free_port(), free_port()
    own: dict[str, object] = {"group": pipeline.group, "metrics_port": port, "metrics_host": HOST}
    audit = pipeline.kafka.create_topic(f"{pipeline.group}-audit", 1)
    own |= {"log_format": "json", "state": tmp_path / "state", "audit_topic": audit}
    worker = pipeline.worker()
    watching = {"console_port": pages, "console_workers": f"{HOST}:{worker.port}"}
    claims = {"fetch_allowed_stores": f"file://{tmp_path}/images"}
    console = Worker(pipeline.command("console", **pipeline.topic_settings, **own, **watching, **claims), port)
    console.wait_until_ready()
    address = f"http://localhost:{pages}"
    console.wait_for_log("console_started")
    worker.wait_until_ready()
    until(lambda: console.metric("sluice_console_stream_up") == 1, ANSWER, lambda: str(console.process))
    until(lambda: "moves" in page_of(address, "/live"), ANSWER, lambda: "where the group stands")

    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "far.jpg").write_bytes(picture(2))
    claim = {"uri": f"file://{tmp_path}/images/far.jpg", "sha256": hashlib.sha256(picture(2)).hexdigest()}
    pipeline.send([picture(1), b"<html>no picture</html>"])
    header = [("content-type", b"application/json")]
    pipeline.kafka.produce(pipeline.images, json.dumps(claim).encode(), key=b"far", headers=header)
    until(lambda: console.metric("sluice_console_answers_total") == 3, ANSWER, lambda: str(console.process))

    live = page_of(address, "/live")
    assert {"far", "image-0", "image-1", "not_an_image"} <= set(live.replace("<", " ").replace(">", " ").split())
    shown = [part.split('"')[0].replace("&amp;", "&") for part in live.split('data-clear="')[1:]]
    assert len(shown) == 3
    answers = [httpx2.get(f"{address}{each}", timeout=30) for each in shown]
    assert sorted(each.status_code for each in answers) == [200, 200, 404]
    assert f"{HOST}:{worker.port}" in live
    event = live.split('href="/event?id=')[1].split('"')[0]
    assert "Look everywhere" in page_of(address, f"/event?id={event}")
    everywhere = page_of(address, f"/event?id={event}&everywhere=1")
    assert pipeline.decisions in everywhere
    assert {each["what"] for each in console.logged("console_did")} == {"saw a picture"}
    told = [parse_audit(each.value or b"") for each in pipeline.kafka.wait_for_records(audit, 2, ANSWER)]
    seen = [(each.what, each.role, each.allowed) for each in told]
    assert seen == [("saw a picture", "editor", True)] * 2, "none is of a picture that is not there"
    assert console.process.terminate(STOP) == 0
    assert [each.suffix for each in (tmp_path / "state").iterdir()] == [".msgpack"], "a restart goes on from there"
