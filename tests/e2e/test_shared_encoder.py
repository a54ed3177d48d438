"""Two workers and one encoder, each a process of its own; the encoder is killed in the middle and started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Settings
from tests.e2e.pictures import pictures
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.services.processes import HOST, ChildProcess, free_port

MODEL_SETTINGS = ("model", "device", "dtype", "log_format")


def start_encoder(pipeline: Pipeline, quick: Settings, socket: Path) -> ChildProcess:
    port = free_port()
    settings = {name: quick[name] for name in MODEL_SETTINGS}
    process = pipeline.command("encoder", str(socket), env=None, **settings, metrics_port=port, metrics_host=HOST)
    process.wait_for_http(f"http://{HOST}:{port}/readyz", within=60)
    return process


def test_an_encoder_that_dies_costs_no_event(
    make_pipeline: Callable[..., Pipeline], quick: Settings, tmp_path: Path
) -> None:
    """The workers wait for the next one and go on with what was under way; nobody is restarted but the encoder."""
    socket = tmp_path / "encoder.sock"
    pipeline = make_pipeline(partitions=4, encoder_socket=socket, max_batch=2)
    encoder = start_encoder(pipeline, quick, socket)
    workers = pipeline.workers(2)
    for worker in workers:
        worker.wait_for_partitions(2)
    events = pipeline.send(pictures(800))
    pipeline.wait_for_answers(60, *workers)

    encoder.kill()
    assert pipeline.answered() < len(events), "it was through before the encoder died: this test has tested nothing"
    start_encoder(pipeline, quick, socket)

    pipeline.wait_for_answers(len(events), *workers)
    pipeline.wait_until_committed()
    answers = pipeline.answers()
    assert set(answers.by_event) == {(event.partition, event.offset) for event in events}
    assert answers.dead_letters == []
    assert answers.repeats == 0
    for worker in workers:
        assert worker.process.terminate(within=STOP) == 0, str(worker.process)


def test_a_worker_that_hangs_says_where_once_before_anybody_ends_it(
    make_pipeline: Callable[..., Pipeline], quick: Settings, tmp_path: Path
) -> None:
    """Its encoder is frozen, so it waits: liveness fails, and the log names what each thread is in."""
    socket = tmp_path / "encoder.sock"
    pipeline = make_pipeline(encoder_socket=socket, stall_after=1, delivery_timeout=1)
    encoder = start_encoder(pipeline, quick, socket)
    [worker] = pipeline.workers(1)
    encoder.pause()
    pipeline.send(pictures(1))
    worker.process.wait_for_http(worker.url("healthz"), status=503, within=90)
    worker.process.wait_for_http(worker.url("healthz"), status=503)
    [line] = worker.logged("not_alive")
    assert line["reason"].startswith("worker: nothing has moved for ")
    assert [stack for stack in line["threads"].values() if "shared_encoder/client.py" in stack]
    encoder.kill()
    start_encoder(pipeline, quick, socket)
    worker.process.wait_for_http(worker.url("healthz"), within=30)
    pipeline.wait_for_answers(1, worker)
