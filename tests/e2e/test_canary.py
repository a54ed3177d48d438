"""Canaries through a whole pipeline, and its lag as seen from outside: with no worker, and with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipeline.wire import CANARY_HEADER, CANARY_IDS, SEVERITY
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import ANSWER, STOP, Pipeline, Worker
from tests.images import encoded, photograph
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, free_port

OUTCOMES = "sluice_canary_total"


def looking_on(pipeline: Pipeline, canaries: Mapping[Path, str], **settings: object) -> Worker:
    """A running ``sluice canary``, with the questions that can be asked of a worker."""
    port = free_port()
    own = {"group": pipeline.group, "metrics_port": port, "metrics_host": HOST, "log_format": "json"}
    named = ", ".join(f"{file} every 1 s expect {verdict}" for file, verdict in canaries.items())
    process = pipeline.command("canary", canary=named, **pipeline.topic_settings, **own, **settings)
    return Worker(process, port)


def verdict_of(pipeline: Pipeline, worker: Worker, image: bytes) -> str:
    before = pipeline.answered()
    pipeline.send([image], start=before)
    pipeline.wait_for_answers(before + 1, worker)
    return next(each["verdict"] for each in pipeline.answers().decisions if each["image_id"] == f"image-{before}")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two that a worker reads, and one that is too large for it."""
    images = {"right": picture(1), "wrong": picture(2), "refused": encoded(photograph(200, 200), "JPEG")}
    found = {name: tmp_path / f"{name}.jpg" for name in images}
    for name, file in found.items():
        file.write_bytes(images[name])
    return found


def test_what_comes_back_counts_and_what_does_not_and_lag_needs_no_worker(
    make_pipeline: Callable[..., Pipeline], files: dict[str, Path]
) -> None:
    pipeline = make_pipeline(partitions=3, max_pixels=10_000)
    worker = pipeline.worker()
    worker.wait_until_ready()
    right, other = (verdict_of(pipeline, worker, picture(number)) for number in (1, 2))
    wrong = next(verdict for verdict in SEVERITY if verdict != other)
    assert worker.process.terminate(STOP) == 0

    # Nobody works: nothing comes back, and the lag is there for all that.
    expected = {files["right"]: right, files["wrong"]: wrong, files["refused"]: "allow"}
    outside = looking_on(pipeline, expected, canary_patience=3)
    until(lambda: outside.metric(OUTCOMES, outcome="missing") >= 3, ANSWER, lambda: str(outside.process))
    until(lambda: outside.metric("sluice_group_lag_images", group=pipeline.group) >= 3, ANSWER, lambda: "a lag")
    until(
        lambda: outside.metric(OUTCOMES) == outside.metric(OUTCOMES, outcome="missing"),
        ANSWER,
        lambda: "only missing ones",
    )
    stood_at = outside.metric("sluice_group_committed_offset")

    # A stranger's event that bears the header, and one that repeats a nonce, are events like any other.
    nonce = next(record.header(CANARY_HEADER) for record in pipeline.kafka.read_all(pipeline.images)[::-1])
    assert nonce
    for forged in (b"f" * 32, nonce):
        pipeline.kafka.produce(pipeline.images, picture(3), key=b"forged", headers=[(CANARY_HEADER, forged)])

    # A worker comes: what is late is not counted again, what is new comes back in time.
    worker = pipeline.worker()
    worker.wait_until_ready()
    for name, outcome in (("right", "right"), ("wrong", "wrong"), ("refused", "dead_letter")):
        until(
            lambda name=name, outcome=outcome: outside.metric(OUTCOMES, canary=f"{name}.jpg", outcome=outcome) >= 2,
            ANSWER,
            lambda name=name: f"{name} from {outside.process}",
        )
    until(lambda: outside.metric("sluice_group_committed_offset") > stood_at, ANSWER, lambda: "commits")
    assert outside.logged("canary_late")
    found = {(line["canary"], line["verdict"]) for line in outside.logged("canary_not_right")}
    assert found == {("wrong.jpg", other), ("refused.jpg", "dead letter")}
    assert outside.metric("sluice_canary_latency_seconds_count", canary="right.jpg") > outside.metric(
        OUTCOMES, canary="right.jpg", outcome="right"
    ), "late ones are in the histogram, too"
    last = outside.metric("sluice_canary_last_right_timestamp_seconds", canary="right.jpg")
    assert last > outside.metric("sluice_canary_last_right_timestamp_seconds", canary="wrong.jpg")
    assert outside.process.terminate(STOP) == 0

    pipeline.wait_until_committed()
    assert worker.metric("sluice_feature_cache_lookups_total", result="hit") <= 1, "each was looked at, but the copy"
    of_strangers = [each for each in pipeline.answers().decisions if not each["image_id"].startswith(CANARY_IDS)]
    assert len([each for each in of_strangers if each["image_id"] == "forged"]) == 2
    records = pipeline.kafka.read_all(pipeline.decisions)
    without = [record for record in records if record.header(CANARY_HEADER) is None]
    assert len(without) == len(of_strangers) - 2, "who reads decisions leaves canaries out by the header"
    both = [*records, *pipeline.kafka.read_all(pipeline.dead_letters)]
    ours = [record for record in both if (record.key or b"").startswith(CANARY_IDS.encode())]
    assert ours
    assert all(record.header(CANARY_HEADER) for record in ours)


def test_one_who_looks_on_outlives_its_broker_and_can_be_told_to_stop_without_one(
    kafka_of_own: KafkaBroker, make_pipeline: Callable[..., Pipeline], files: dict[str, Path]
) -> None:
    pipeline = make_pipeline(on=kafka_of_own)
    outside = looking_on(pipeline, {files["right"]: "allow"}, canary_patience=2)
    outside.process.wait_for_http(outside.url("readyz"), within=ANSWER)
    kafka_of_own.stop()
    outside.wait_for_log("canary_not_sent", within=ANSWER)
    outside.wait_for_log("canary_step_failed_for_now", within=ANSWER)
    assert outside.process.running
    kafka_of_own.start()
    looked_at = outside.metric("sluice_group_looked_at_timestamp_seconds")
    until(
        lambda: outside.metric("sluice_group_looked_at_timestamp_seconds") > looked_at, ANSWER, lambda: "a look again"
    )
    sent = outside.metric("sluice_canary_sent_total")
    until(lambda: outside.metric("sluice_canary_sent_total") > sent, ANSWER, lambda: "canaries again")
    kafka_of_own.stop()
    outside.wait_for_log("canary_not_sent", 1 + len(outside.logged("canary_not_sent")), within=ANSWER)
    assert outside.process.terminate(STOP) == 0
    assert "Traceback" not in outside.process.stderr()
