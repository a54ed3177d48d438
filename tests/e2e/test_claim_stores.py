"""Claim checks in object stores and folders, on a real broker: what is there, what is not, and what is away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.answers import dead_letter_problems
from tests.e2e.pictures import picture, pictures
from tests.e2e.pipeline_under_test import ANSWER, START, Pipeline, Worker
from tests.services.deadline import until
from tests.services.kafka import Record
from tests.services.processes import http_get
from tests.services.stores import CREDENTIALS, S3, SECRETS, SmallStore, s3_server, small_store

IMAGE = picture(9_000)
RIGHT = sha256(IMAGE).hexdigest()
WRONG = sha256(b"something else").hexdigest()
LIMIT = 100_000
CLAIM = (("content-type", b"application/json"),)


@pytest.fixture
def s3() -> Iterator[S3]:
    with s3_server() as server:
        server.make_bucket("images")
        yield server


@pytest.fixture
def google() -> Iterator[SmallStore]:
    with small_store() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "claimed"
    made.mkdir()
    return made


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Pipeline], s3: S3, google: SmallStore, folder: Path) -> Pipeline:
    return make_pipeline(
        partitions=2,
        fetch_allowed_stores=f"s3://images/uploads,gs://images,{folder.as_uri()}",
        fetch_s3_endpoint=s3.endpoint,
        fetch_gcs_endpoint=google.endpoint,
        fetch_max_bytes=LIMIT,
        fetch_timeout=5,
    )


def ready(pipeline: Pipeline) -> Worker:
    worker = pipeline.worker(env=CREDENTIALS)
    worker.wait_until_ready()
    return worker


def send(pipeline: Pipeline, uri: str, digest: str | None = None, *, partition: int = 0) -> Record:
    body = json.dumps({"uri": uri, **({"sha256": digest} if digest else {})}).encode()
    [event] = pipeline.kafka.produce_all(pipeline.images, [Record(None, body, CLAIM, partition)])
    return event


def answered(pipeline: Pipeline, events: list[Record]) -> int:
    by_event = pipeline.answers().by_event
    return sum((event.partition, event.offset) in by_event for event in events)


def test_claims_lead_to_decisions_or_to_dead_letters_with_their_reasons(
    pipeline: Pipeline, s3: S3, google: SmallStore, folder: Path
) -> None:
    for name, image in (("a b.png", IMAGE), ("huge.png", bytes(LIMIT + 1))):
        s3.put("images", f"uploads/{name}", image)
        s3.put("images", f"private/{name}", image)
        google.objects[f"/images/{name}"] = image
        (folder / name).write_bytes(image)
    (folder / "out.png").symlink_to("/etc/hostname")
    ready(pipeline)
    events: dict[str, list[Record]] = {}
    for place, found in (
        ("s3://images/uploads", "a b.png"),
        ("gs://images", "a b.png"),
        (folder.as_uri(), "a%20b.png"),
    ):
        for reason, name, digest in (
            ("decided", found, RIGHT),
            ("decided", found, None),
            ("checksum_mismatch", found, WRONG),
            ("fetch_failed", "absent.png", RIGHT),
            ("too_large", "huge.png", None),
        ):
            events.setdefault(reason, []).append(send(pipeline, f"{place}/{name}", digest))
    refused = ["s3://images/private/a b.png", "gs://other/a.png", "az://images/a.png", f"{folder.as_uri()}/out.png"]
    events["fetch_refused"] = [send(pipeline, uri) for uri in refused]
    everything = [event for each in events.values() for event in each]
    until(lambda: answered(pipeline, everything) == len(everything), ANSWER, "an answer to every claim")

    by_event = pipeline.answers().by_event
    for reason, sent in events.items():
        for event in sent:
            [answer] = by_event[event.partition, event.offset]
            assert ("decided" if answer.decision else answer.reason) == reason, event.value
            if answer.decision:
                assert answer.decision["content_sha256"] == RIGHT
            else:
                assert dead_letter_problems(answer.record, event, pipeline.images) == []
    pipeline.wait_until_committed()


def test_stores_that_are_away_or_refuse_everybody_are_waited_for_and_nothing_else_waits(
    pipeline: Pipeline, s3: S3, google: SmallStore, folder: Path
) -> None:
    """S3 is down, Google's has taken our rights away, and the folder is not mounted."""
    s3.put("images", "uploads/a.png", IMAGE)
    google.objects["/images/a.png"] = IMAGE
    s3.stop()
    google.fault = (403, "AccessDenied")
    worker = ready(pipeline)
    places = ["s3://images/uploads", "gs://images", folder.as_uri()]
    waiting = [send(pipeline, f"{place}/a.png", digest) for place in places for digest in [RIGHT, None] * 3]
    inline = pipeline.send(pictures(20))
    until(lambda: answered(pipeline, inline) == len(inline), ANSWER, "an answer to every image that came inline")
    until(lambda: worker.metric("sluice_absent_stores") == len(places), START, "all three stores to be missed")
    assert worker.metric("sluice_waiting_claims") == len(waiting)
    health = http_get(worker.url("healthz"))
    assert health is not None
    assert health[0] == 200, "a restart would mend nothing"
    assert "s3://images" in health[1]
    assert answered(pipeline, waiting) == 0

    s3.start()
    google.fault = None
    (folder / "a.png").write_bytes(IMAGE)
    until(lambda: answered(pipeline, waiting) == len(waiting), 120, "an answer to every claim, the stores being back")
    pipeline.wait_until_committed()
    assert pipeline.answers().dead_letters == []
    assert worker.metric("sluice_absent_stores") == 0
    back = {entry["host"] for entry in worker.logged("claim_store_back")}
    assert {"s3://images", "gs://images"} < back
    log = worker.process.stderr()
    assert not [name for name, value in SECRETS.items() if value in log]
