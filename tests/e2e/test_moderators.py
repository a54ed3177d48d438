"""``sluice worker --moderators 2`` on a real Kafka: its processes are killed one by one, and no event is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

from tests.e2e.pictures import pictures
from tests.e2e.pipeline_under_test import START, STOP, Pipeline, Worker
from tests.services.deadline import until
from tests.services.processes import http_get

PROCESSES = {"encoder", "moderator-1", "moderator-2"}


def pids(worker: Worker) -> dict[str, int]:
    """The process id of the last process of each name that the supervisor has started."""
    return {line["started"]: line["pid"] for line in worker.logged("process_started")}


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def kill(worker: Worker, name: str) -> None:
    """End it as the out-of-memory killer does, and wait until there is another of that name."""
    killed = pids(worker)[name]
    os.kill(killed, signal.SIGKILL)
    until(lambda: pids(worker)[name] != killed, 20, lambda: f"another {name}: {worker.process}")


def test_processes_that_are_killed_cost_no_event_and_a_stop_drains_and_leaves_none_behind(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    pipeline = make_pipeline(partitions=4, max_batch=2)
    worker = pipeline.worker(moderators=2)
    worker.wait_until_ready()
    worker.wait_for_log("worker_started", 2, START)
    worker.wait_for_partitions(4)
    assert set(pids(worker)) == PROCESSES
    events = pipeline.send(pictures(800))
    pipeline.wait_for_answers(60, worker)
    kill(worker, "encoder")
    pipeline.wait_for_answers(pipeline.answered() + 40, worker, within=START)
    kill(worker, "moderator-1")
    assert pipeline.answered() < len(events), (
        "it was through before the last was killed: this test has tested nothing"
    )
    pipeline.wait_for_answers(len(events), worker, within=START)
    pipeline.wait_until_committed()
    all_is_well_after_the_restarts(worker)

    events += pipeline.send(pictures(400, start=800), start=800)
    pipeline.wait_for_answers(len(events) - 380, worker)
    stops_in_the_middle_of_the_work(worker)
    answers = pipeline.answers()
    assert len(answers.by_event) < len(events), "it was through before it was stopped: this test has tested nothing"
    assert answers.dead_letters == []
    assert answers.changed_their_mind() == {}
    assert answers.answered_up_to() == pipeline.committed(), "what was answered is committed, and nothing beyond it"


def all_is_well_after_the_restarts(worker: Worker) -> None:
    worker.wait_for_log("worker_started", 3, START)
    worker.wait_for_partitions(4)
    assert worker.metric("sluice_restarts_total", process_kind="encoder") >= 1
    assert worker.metric("sluice_restarts_total", process_kind="moderator") >= 1
    assert worker.metric("sluice_assigned_partitions", process="moderator-2") > 0
    assert http_get(worker.url("healthz")) == (200, "ok\n")
    assert http_get(worker.url("readyz")) == (200, "ok\n")


def stops_in_the_middle_of_the_work(worker: Worker) -> None:
    """All processes get the signal at once, as from systemd; the moderators drain, and the encoder outlives them."""
    away = len(worker.logged("encoder_away"))
    os.killpg(worker.process.pid, signal.SIGTERM)
    assert worker.process.wait(within=STOP) == 0, str(worker.process)
    assert not [pid for pid in pids(worker).values() if alive(pid)]
    assert len(worker.logged("encoder_away")) == away
    assert {line["process"] for line in worker.logged("worker_stopped")} == {"moderator-1", "moderator-2"}
    assert [line["process"] for line in worker.logged("encoder_stopped")] == ["encoder"]


def test_a_mistake_that_only_a_process_can_see_is_its_own_line_and_status_2(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    worker = make_pipeline().worker(moderators=2, model="ViT-B-23")
    assert worker.process.wait(within=START) == 2, str(worker.process)
    assert "did you mean" in worker.last_word
    assert set(pids(worker)) == {"encoder"}


def test_a_mistake_that_the_supervisor_can_see_starts_no_process(make_pipeline: Callable[..., Pipeline]) -> None:
    worker = make_pipeline().worker(moderators=2, images_topic="absent")
    assert worker.process.wait(within=START) == 2, str(worker.process)
    assert "sluice topics create" in worker.last_word
    assert pids(worker) == {}
