"""Told to end in the middle of a start, in the middle of work that hangs, and with a log that nobody can write."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Settings
from tests.e2e.pictures import pictures
from tests.e2e.pipeline_under_test import ONE_THREAD, START, Pipeline, Worker, flags
from tests.e2e.policies_under_test import FILES, edit, policy, write_policies
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, ChildProcess, free_port, python

AT_ONCE = 10.0
"""Seconds for what takes a tenth of one on an idle machine."""
MODEL_SETTINGS = ("model", "device", "dtype", "log_format")


@dataclass
class Told:
    """How a process ended that was told to end `after` seconds of its start; it `took` that many seconds."""

    after: float
    status: int
    took: float


def told_in_its_start(process: ChildProcess, after: float) -> Told:
    time.sleep(after)
    assert process.running, str(process)
    before = time.monotonic()
    status = process.terminate(within=AT_ONCE)
    return Told(after, status, time.monotonic() - before)


@pytest.mark.parametrize("after", [0.0, 0.7, 1.8, 3.1])
def test_an_encoder_that_is_told_while_it_starts_ends_at_once(
    quick: Settings, start_process: Callable[..., ChildProcess], tmp_path: Path, after: float
) -> None:
    """It imports, loads the model or makes its first pass: nothing is to be drained, and the signal ends it."""
    # The bundled model: the tiny one is there before it can be told.
    settings = {**{name: quick[name] for name in MODEL_SETTINGS[1:]}, "metrics_port": 0, "metrics_host": HOST}
    # "-u" makes it a fresh interpreter, whose imports take a while.
    argv = python("-u", "-m", "workers", "encoder", str(tmp_path / "e.sock"), *flags(settings))
    told = told_in_its_start(start_process(argv, env=ONE_THREAD), after)
    assert told.status == -signal.SIGTERM, told


@pytest.mark.parametrize("after", [0.5, 2.0])
def test_a_worker_that_is_told_while_it_starts_ends_at_once(
    make_pipeline: Callable[..., Pipeline], after: float
) -> None:
    settings = {"model": "bundled", "policies": Path("policies").resolve()}
    told = told_in_its_start(make_pipeline(**settings).worker().process, after)
    assert told.status == -signal.SIGTERM, told


@pytest.mark.parametrize("after", [0.3, 2.5])
def test_a_supervisor_that_is_told_while_its_processes_start_leaves_none_behind(
    make_pipeline: Callable[..., Pipeline], after: float
) -> None:
    worker = make_pipeline(model="bundled").worker(moderators=2)
    told = told_in_its_start(worker.process, after)
    assert told.status in {0, -signal.SIGTERM, 128 + signal.SIGTERM}, told
    for line in worker.logged("process_started"):
        with pytest.raises(ProcessLookupError):
            os.kill(line["pid"], 0)


def test_draining_into_a_broker_that_hangs_waits_once(
    kafka_of_own: KafkaBroker, make_pipeline: Callable[..., Pipeline]
) -> None:
    """No unanswered event is committed, and the end comes within the time to drain and the time to leave."""
    drain = 4.0
    pipeline = make_pipeline(on=kafka_of_own, drain_timeout=drain, max_batch=4)
    [worker] = pipeline.workers(1)
    pipeline.send(pictures(1000))  # more than it is through with by the time that this is noticed
    pipeline.wait_for_answers(20, worker)
    kafka_of_own.pause()
    time.sleep(1.0)
    before = time.monotonic()
    status = worker.process.terminate(within=60)
    took = time.monotonic() - before
    kafka_of_own.resume()
    assert status in {1, 70}, str(worker.process)
    assert took < drain + 10 + 5, str(worker.process)
    assert pipeline.committed().get(0, 0) <= pipeline.answers().answered_up_to()[0]


BROKEN = ["2>&-", "2>/dev/full", "2> >(exit)", ">&- 2>&-"]


@pytest.mark.parametrize("redirection", BROKEN)
def test_a_worker_whose_log_cannot_be_written_does_all_that_it_should(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path, redirection: str
) -> None:
    """Such a worker once lost the thread that takes up edits, and looked healthy."""
    policies = write_policies(tmp_path / "edited")
    worker = deafened(make_pipeline(policies=policies), redirection)
    worker.wait_until_ready()
    edit(policies, "weapons.yaml", "nonsense: [")
    until(lambda: worker.metric("sluice_policies_refused") == 1, START, lambda: "the refusal of an edit")
    edit(policies, "weapons.yaml", FILES["weapons.yaml"])
    edit(policies, "more.yaml", policy("More", ["a dog"], {"review": 0.5}))
    until(lambda: worker.metric("sluice_policies") == 4, START, lambda: "the edit after it")
    lost = worker.metric("sluice_log_lines_lost_total")
    assert (lost > 0) == ("full" in redirection or "exit" in redirection), lost
    assert worker.process.terminate() == 0


def deafened(pipeline: Pipeline, redirection: str) -> Worker:
    port = free_port()
    own = {"group": pipeline.group, "metrics_port": port, "metrics_host": HOST}
    words = python("-m", "workers", "worker", *flags({**pipeline.topic_settings, **pipeline.settings, **own}))
    argv = ["bash", "-c", f'exec "$@" {redirection}', "deafened", *words]
    process = ChildProcess(argv, pipeline.folder, env=ONE_THREAD, name="deafened")
    return Worker(pipeline.running.enter_context(process), port)
