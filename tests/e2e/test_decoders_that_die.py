"""Images of which the decoder dies or hangs, on a real broker: each costs itself, and no partition waits for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.pictures import Hostile, picture, pictures
from tests.e2e.pipeline_under_test import Pipeline
from tests.poison import SITE, poison
from tests.services.deadline import until

ROOT = Path(__file__).parents[2]
POISONED = {"PYTHONPATH": os.pathsep.join([str(SITE), str(ROOT)])}
"""The environment of a worker whose decoder obeys marks, in this tree."""
CAPS = {"decode_cpu_timeout": 2, "decode_timeout": 3}
HEADS = {
    "abort": "decoder_died",
    "sleep": "too_much_work",
    "segfault": "decoder_died",
    "lock": "too_much_work",
    "exit": "decoder_died",
    "spin": "too_much_work",
}
"""What the first image of each partition does to its decoder, and what becomes of it."""


def below(pid: int) -> list[int]:
    """The processes below that one, theirs too."""
    found = [int(each) for task in Path(f"/proc/{pid}/task").glob("*") for each in _children(task)]
    return [*found, *(deeper for each in found for deeper in below(each))]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except OSError:
        return []


def poisoned(number: int, deed: str) -> Hostile:
    return Hostile(deed, poison(picture(number), deed), HEADS[deed])


@pytest.mark.parametrize("moderators", [1, 2])
def test_a_poisoned_image_at_the_head_of_each_partition_stops_none(
    make_pipeline: Callable[..., Pipeline], moderators: int
) -> None:
    """Every one of them ends as one dead letter with its reason, in the first life of the worker."""
    pipeline = make_pipeline(partitions=len(HEADS), max_batch=8, cores=2 * moderators, moderators=moderators, **CAPS)
    heads = [poisoned(number, deed) for number, deed in enumerate(HEADS)]
    events = pipeline.send([*heads, *pictures(120, start=len(HEADS))])
    worker = pipeline.worker(env=POISONED)
    worker.wait_until_ready()
    pipeline.wait_for_answers(len(events), worker, within=180)
    pipeline.wait_until_committed()
    answers = pipeline.answers()
    assert all(len(answers.by_event[(event.partition, event.offset)]) == 1 for event in events)
    for event, head in zip(events, heads, strict=False):
        [answer] = answers.by_event[(event.partition, event.offset)]
        assert answer.decision is None, head.name
        assert answer.record.header("sluice.reason") == head.reason.encode(), head.name
    assert len(pipeline.answers().decisions) == len(events) - len(heads)
    assert worker.process.running
    if moderators == 1:
        told = worker.logged("image_ended_its_decoder")
        assert {(each["topic"], each["partition"], each["offset"]) for each in told} == {
            (pipeline.images, event.partition, event.offset) for event in events[: len(heads)]
        }
    deaths = {cause: worker.metric("sluice_decode_process_deaths_total", cause=cause) for cause in ("crashed", "cpu")}
    assert deaths == {"crashed": 4, "cpu": 2}


def test_nothing_is_left_of_a_worker_that_is_killed(make_pipeline: Callable[..., Pipeline]) -> None:
    """Its decode processes go as well, also one that hangs in the middle of an image."""
    pipeline = make_pipeline(cores=2, decode_timeout=600)
    worker = pipeline.worker(env=POISONED)
    worker.wait_until_ready()
    pipeline.send([poison(picture(1), "sleep"), *pictures(8, start=2)])
    until(lambda: len(below(worker.process.pid)) >= 2, 60, "decode processes")
    left = below(worker.process.pid)
    worker.process.kill()
    until(lambda: not [pid for pid in left if Path(f"/proc/{pid}").exists()], 60, "none of them any more")


def test_a_worker_whose_decode_processes_are_killed_goes_on(make_pipeline: Callable[..., Pipeline]) -> None:
    """And so it does when the process that forks them is killed, which takes them all."""
    pipeline = make_pipeline(cores=2, max_batch=8)
    worker = pipeline.worker(env=POISONED)
    worker.wait_until_ready()
    sent = 0
    for _ in range(4):
        pipeline.send(pictures(10, start=sent), start=sent)
        sent += 10
        for pid in below(worker.process.pid)[:2]:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        pipeline.wait_for_answers(sent, worker)
    assert len(pipeline.answers().decisions) == sent
