"""Claim checks whose store is slow, or away, on a real broker: the images around them are answered all the same."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.pictures import picture, pictures
from tests.e2e.pipeline_under_test import ANSWER, START, STOP, Pipeline, Worker
from tests.services.deadline import until
from tests.services.kafka import Record
from tests.services.processes import HOST, free_port, http_get

IMAGE = picture(9_000)
CLAIM = (("content-type", b"application/json"),)
SLOW = 5.0
"""Seconds that the slow store takes for an image."""


@contextmanager
def store(port: int, seconds: float = 0.0) -> Iterator[None]:
    """An HTTP server on that port that has one image under any name and takes its time."""

    class Images(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Length", str(len(IMAGE)))
            self.end_headers()
            self.wfile.write(IMAGE)

        def log_message(self, *_: object) -> None:
            """Nothing of it belongs on the output of the tests."""

        def handle(self) -> None:
            with suppress(OSError):  # a client that was told to stop
                super().handle()

    with ThreadingHTTPServer((HOST, port), Images) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Pipeline], port: int) -> Pipeline:
    return make_pipeline(
        fetch_allowed_hosts=f"{HOST}:{port}",
        fetch_allow_private=True,
        fetch_allow_http=True,
        brake_run=5,
        brake_trial_interval=0.2,
    )


def claims(pipeline: Pipeline, port: int, count: int) -> list[Record]:
    bodies = [json.dumps({"uri": f"http://{HOST}:{port}/{number}"}).encode() for number in range(count)]
    return pipeline.kafka.produce_all(pipeline.images, [Record(None, body, CLAIM) for body in bodies])


def answered(pipeline: Pipeline, events: list[Record]) -> int:
    by_event = pipeline.answers().by_event
    return sum((event.partition, event.offset) in by_event for event in events)


def ready(worker: Worker) -> Worker:
    worker.wait_until_ready()
    return worker


def test_images_do_not_wait_for_the_slow_claim_checks_before_and_between_them(pipeline: Pipeline, port: int) -> None:
    """64 claims of 5 s each would hold what is behind them for 20 s and more."""
    ready(pipeline.worker())
    with store(port, SLOW):
        slow = claims(pipeline, port, 32)
        inline = pipeline.send(pictures(50))
        slow += claims(pipeline, port, 32)
        inline += pipeline.send(pictures(50, start=50), start=50)
        until(lambda: answered(pipeline, inline) == len(inline), ANSWER, "an answer to every image that came inline")
        late = answered(pipeline, slow)
        assert late < len(slow) // 2, f"{late} of {len(slow)} slow claims were answered before the images"
        assert sum(pipeline.committed().values()) < len(slow), "committed past a claim that is not answered"
        until(lambda: answered(pipeline, slow) == len(slow), 120, "an answer to every claim")
    pipeline.wait_until_committed()
    answers = pipeline.answers()
    assert answers.dead_letters == []
    assert answers.repeats == 0


def test_a_store_that_is_away_makes_no_dead_letters_and_is_said(pipeline: Pipeline, port: int) -> None:
    worker = ready(pipeline.worker())
    waiting = claims(pipeline, port, 20)
    inline = pipeline.send(pictures(20))
    until(lambda: answered(pipeline, inline) == len(inline), ANSWER, "an answer to every image that came inline")
    until(lambda: worker.metric("sluice_absent_stores") == 1, START, "the store to be missed")
    assert worker.metric("sluice_waiting_claims") == len(waiting)
    health = http_get(worker.url("healthz"))
    assert health is not None
    assert health[0] == 200, "a restart would mend nothing"
    assert "has not answered" in health[1]
    assert answered(pipeline, waiting) == 0
    with store(port):
        until(
            lambda: answered(pipeline, waiting) == len(waiting), 90, "an answer to every claim, the store being back"
        )
    pipeline.wait_until_committed()
    assert pipeline.answers().dead_letters == []
    assert worker.metric("sluice_absent_stores") == 0
    assert [entry["host"] for entry in worker.logged("claim_store_back")] == [f"{HOST}:{port}"]


def test_a_worker_told_to_stop_leaves_the_claims_that_wait_for_the_next(pipeline: Pipeline, port: int) -> None:
    worker = ready(pipeline.worker())
    waiting = claims(pipeline, port, 5)
    until(lambda: worker.metric("sluice_absent_stores") == 1, START, "the store to be missed")
    started = time.monotonic()
    assert worker.process.terminate(within=STOP) == 0, str(worker.process)
    assert time.monotonic() - started < 15, "it waited for a store that is away"
    with store(port):
        pipeline.worker()
        until(lambda: answered(pipeline, waiting) == len(waiting), START + ANSWER, "an answer by the next worker")
    pipeline.wait_until_committed()
    assert pipeline.answers().dead_letters == []


def test_the_brake_stops_a_worker_whose_claims_all_fail_and_a_good_run_lets_it_go_on(
    make_pipeline: Callable[..., Pipeline], port: int
) -> None:
    settings = {"fetch_allowed_hosts": f"{HOST}:{port}", "fetch_allow_private": True, "fetch_allow_http": True}
    brake = {"fetch_patience": 1, "brake_run": 5, "brake_trial_interval": 0.2, "max_batch": 4}
    pipeline = make_pipeline(**settings, **brake)
    worker = ready(pipeline.worker())
    claims(pipeline, port, 5)
    until(lambda: worker.metric("sluice_brake_on") == 1, 90, lambda: f"the brake to be on; {worker.process}")
    [said] = worker.logged("brake_on")
    assert "claim checks" in said["reason"]
    assert f"kill -USR1 {worker.process.pid}" in said["advice"]
    health = http_get(worker.url("healthz"))
    assert health is not None
    assert (health[0], "brake" in health[1]) == (200, True)
    with store(port):
        events = claims(pipeline, port, 20)
        until(
            lambda: answered(pipeline, events) == len(events), 120, lambda: f"answers after trials; {worker.process}"
        )
        assert worker.metric("sluice_brake_on") == 0
    pipeline.wait_until_committed()
    assert len(pipeline.answers().dead_letters) <= 8
