"""Offsets are committed after acknowledgement and never before, whatever the broker does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from tests.e2e.pictures import Hostile, pictures
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.services.kafka import KafkaBroker

LARGE_WEB_PAGE = Hostile("large web page", b"<html>" + b"x" * 20_000, "not_an_image")


def let_records_be(kafka: KafkaBroker, topic: str, most_bytes: int) -> None:
    """Set how many bytes a record of that topic may have."""
    wanted = ConfigResource("TOPIC", topic, {"max.message.bytes": str(most_bytes)})
    with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
        admin.alter_configs([wanted])


def test_a_dead_letter_that_is_refused_in_every_form_stops_the_worker_and_is_not_skipped(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    """The topic takes less than the smallest dead letter has. Once it takes it, a restart goes on."""
    pipeline = make_pipeline(max_batch=4)
    let_records_be(pipeline.kafka, pipeline.dead_letters, 200)
    events = pipeline.send([*pictures(20), LARGE_WEB_PAGE, *pictures(20, start=20)])
    poison = events[20]

    stopped = pipeline.worker()
    assert stopped.process.wait(within=60) == 1, str(stopped.process)
    assert pipeline.dead_letters in stopped.last_word
    assert "Traceback" not in stopped.process.stderr()
    published = pipeline.answers()
    assert pipeline.committed().get(0, 0) <= published.answered_up_to()[0] <= poison.offset
    assert published.dead_letters == []

    let_records_be(pipeline.kafka, pipeline.dead_letters, 1_000_000)
    mended = pipeline.worker()
    pipeline.wait_until_committed()
    answers = pipeline.answers()
    assert set(answers.by_event) == {(event.partition, event.offset) for event in events}
    assert answers.changed_their_mind() == {}
    assert [letter.event for letter in answers.dead_letters] == [(0, poison.offset)]
    assert mended.process.running


def test_without_acknowledgements_a_worker_stops_and_commits_nothing(make_pipeline: Callable[..., Pipeline]) -> None:
    """The decisions topic is deleted under a running worker; once it is there again, a restart goes on."""
    pipeline = make_pipeline(delivery_timeout=2)
    worker = pipeline.workers(1)[0]
    pipeline.send(pictures(10))
    pipeline.wait_until_committed()
    pipeline.kafka.delete_topic(pipeline.decisions)
    pipeline.send(pictures(10, start=10), start=10)

    assert worker.process.wait(within=60) == 1, str(worker.process)
    assert pipeline.decisions in worker.last_word
    assert pipeline.committed() == {0: 10}

    pipeline.kafka.create_topic(pipeline.decisions)
    pipeline.workers(1)
    pipeline.wait_until_committed()
    assert sorted(pipeline.answers().by_event) == [(0, offset) for offset in range(10, 20)]


def test_a_worker_rides_out_a_broker_restart(
    kafka_of_own: KafkaBroker, make_pipeline: Callable[..., Pipeline]
) -> None:
    """In the middle of a stream; the same process goes on by itself, and every event is answered."""
    pipeline = make_pipeline(on=kafka_of_own, partitions=3)
    events = pipeline.send(pictures(900))
    worker = pipeline.worker(max_batch=2)
    pipeline.wait_for_answers(100, worker)

    kafka_of_own.restart()

    halfway = pipeline.answered()
    assert halfway < len(events), "it was through before the restart: this test has tested nothing"
    events += pipeline.send(pictures(50, start=900), start=900)
    pipeline.wait_until_committed()
    assert worker.process.running, str(worker.process)
    answers = pipeline.answers()
    assert set(answers.by_event) == {(event.partition, event.offset) for event in events}
    assert answers.changed_their_mind() == {}
    assert worker.process.terminate(within=STOP) == 0, str(worker.process)


def test_a_worker_that_starts_during_an_outage_waits_for_the_broker(
    kafka_of_own: KafkaBroker, make_pipeline: Callable[..., Pipeline]
) -> None:
    """It says so, ends at once when told to, and goes on by itself when the broker is back."""
    pipeline = make_pipeline(on=kafka_of_own)
    events = pipeline.send(pictures(10))
    kafka_of_own.stop()
    waits, leaves, gives_up = pipeline.worker(), pipeline.worker(), pipeline.worker(start_timeout=2)
    for worker in (waits, leaves):
        (line, *_) = worker.wait_for_log("waiting_for_kafka", within=60)
        assert kafka_of_own.bootstrap_servers in line["why"]
    assert leaves.process.terminate(within=STOP) != 0  # by the signal
    assert gives_up.process.wait(within=60) == 2, str(gives_up.process)
    assert "no Kafka broker answers" in gives_up.last_word
    assert waits.process.running

    kafka_of_own.start()
    waits.wait_until_ready()
    pipeline.wait_until_committed()
    assert sorted(pipeline.answers().by_event) == [(event.partition, event.offset) for event in events]


def test_partitions_that_go_to_a_new_worker_are_finished_first(make_pipeline: Callable[..., Pipeline]) -> None:
    """A second and a third worker join under load, and the first leaves again: nothing is answered twice."""
    pipeline = make_pipeline(partitions=6, max_batch=8)
    events = pipeline.send(pictures(1200))
    first = pipeline.worker()
    pipeline.wait_for_answers(50, first)
    others = [pipeline.worker(), pipeline.worker()]
    for worker in others:
        worker.wait_for_partitions(2)
    halfway = pipeline.answered()
    assert first.process.terminate(within=STOP) == 0, str(first.process)
    events += pipeline.send(pictures(60, start=1200), start=1200)
    pipeline.wait_until_committed()
    assert halfway < len(events), "it was through before they joined: this test has tested nothing"
    answers = pipeline.answers()
    assert set(answers.by_event) == {(event.partition, event.offset) for event in events}
    assert answers.repeats == 0
