"""Every event is answered exactly once, or again under the same id, whatever becomes of the workers."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

from tests.e2e.answers import dead_letter_problems, schema_problems
from tests.e2e.pictures import hostile_pictures, pictures
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.e2e.standing import Standing
from tests.services.deadline import until

PARTITIONS = 6


def test_two_workers_answer_every_event_exactly_once(make_pipeline: Callable[..., Pipeline]) -> None:
    """A thousand pictures and a few attacks over six partitions, shared by two workers of one group."""
    pipeline = make_pipeline(partitions=PARTITIONS)
    workers = pipeline.workers(2)
    for worker in workers:
        worker.wait_for_partitions(PARTITIONS // 2)
    hostile = hostile_pictures() * 3
    mixed = [*pictures(1000), *hostile]
    random.Random(0).shuffle(mixed)
    events = {(event.partition, event.offset): event for event in pipeline.send(mixed)}
    reasons = {ref: image.reason for ref, image in zip(events, mixed, strict=True) if image in hostile}

    pipeline.wait_for_answers(len(events), *workers)
    pipeline.wait_until_committed()
    answers = pipeline.answers()

    assert set(answers.by_event) == set(events), "events without an answer, or answers to nothing"
    assert answers.repeats == 0
    assert {answer.event: answer.reason for answer in answers.dead_letters} == reasons
    assert [problem for decision in answers.decisions for problem in schema_problems(decision)] == []
    assert [
        problem
        for letter in answers.dead_letters
        for problem in dead_letter_problems(letter.record, events[letter.event], pipeline.images)
    ] == []
    assert len({decision["decision_id"] for decision in answers.decisions}) == len(answers.decisions)
    assert pipeline.committed() == pipeline.kafka.end_offsets(pipeline.images)
    shares = [worker.metric("sluice_images_total") for worker in workers]
    assert min(shares) > 0, f"one worker took no part: {shares}"
    assert sum(shares) == len(events)
    verdicts = {decision["verdict"] for decision in answers.decisions}
    assert len(verdicts) > 1, "the test's policies give every picture the same verdict"


def test_a_decision_carries_the_events_key_and_headers(standing: Standing) -> None:
    pipeline = standing.pipeline
    [event] = pipeline.send(pictures(1))
    ref = (event.partition, event.offset)
    [answer] = until(lambda: pipeline.answers().by_event.get(ref), 30, f"an answer to {ref}")
    assert answer.decision is not None
    assert answer.record.key == event.key
    assert answer.record.header("x-trace") == b"0"
    assert answer.record.header("ce_id") == answer.decision["decision_id"].encode()
    assert answer.decision["image_id"].encode() == event.key


def test_sigterm_finishes_what_is_in_flight_and_commits_exactly_that(make_pipeline: Callable[..., Pipeline]) -> None:
    """What is published at the exit is what is committed: the next worker repeats nothing and misses nothing.

    Commits are held back for a minute here, so whatever is committed was committed by the exit.
    """
    pipeline = make_pipeline(partitions=PARTITIONS, commit_interval=60)
    events = pipeline.send(pictures(1200))
    first = pipeline.worker(max_batch=2)
    pipeline.wait_for_answers(100, first)

    assert first.process.terminate(within=STOP) == 0, str(first.process)

    halfway = pipeline.answers()
    assert len(halfway.all) < len(events), "it was through before the signal came: this test has tested nothing"
    assert halfway.repeats == 0
    assert pipeline.committed() == halfway.answered_up_to()
    assert sum(pipeline.committed().values()) == len(halfway.all), "answers beyond a gap"

    second = pipeline.worker()
    pipeline.wait_for_answers(len(events), second)
    assert second.process.terminate(within=STOP) == 0, str(second.process)
    answers = pipeline.answers()
    assert (len(answers.by_event), answers.repeats) == (len(events), 0)
    assert pipeline.committed() == pipeline.kafka.end_offsets(pipeline.images)


def test_a_crash_loses_nothing_and_repeats_under_the_same_ids(make_pipeline: Callable[..., Pipeline]) -> None:
    """SIGKILL in the middle. Commits are held back for a minute here, so that there is much to repeat."""
    pipeline = make_pipeline(partitions=PARTITIONS, session_timeout=2)
    events = pipeline.send(pictures(1200))
    first = pipeline.worker(max_batch=2, commit_interval=2)
    until(pipeline.committed, 60, lambda: f"a first commit of {first.process}")
    seen = pipeline.answered()
    pipeline.wait_for_answers(seen + 50, first)

    assert first.process.kill() == -signal.SIGKILL

    published = pipeline.answers()
    assert len(published.by_event) < len(events), "it was through before it was killed: this test has tested nothing"
    done, committed = published.answered_up_to(), pipeline.committed()
    assert all(offset <= done.get(partition, 0) for partition, offset in committed.items()), (committed, done)
    repeatable = len(published.all) - sum(committed.values())
    assert repeatable > 0, "all that was published was committed: this test has tested nothing"

    second = pipeline.worker()
    until(
        lambda: len(pipeline.answers().by_event) == len(events),
        60,
        lambda: f"an answer to every event; {len(pipeline.answers().by_event)} of {len(events)}; {second.process}",
    )
    pipeline.wait_until_committed()
    answers = pipeline.answers()
    assert set(answers.by_event) == {(event.partition, event.offset) for event in events}
    assert answers.changed_their_mind() == {}
    assert answers.repeats == repeatable
