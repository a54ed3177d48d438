"""Records as no careful producer writes them, on a real broker: each ends as its own answer, and stops nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipeline.wire import EVENT_ID_HEADER
from tests.e2e.answers import Answer, schema_problems
from tests.e2e.pictures import picture, pictures
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.e2e.policies_under_test import edit, policy, write_policies
from tests.services.deadline import until
from tests.services.kafka import Record

MEGABYTE = 1 << 20
ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1), "message.timestamp.before.max.ms": str(2**63 - 1)}
ROOMY = {"max.message.bytes": str(24 * MEGABYTE)}
NOW = 1_764_000_000_000
"""Milliseconds since the epoch."""


def answer_to(pipeline: Pipeline, event: Record) -> Answer:
    ref = (event.partition, event.offset)
    [answer] = until(lambda: pipeline.answers().by_event.get(ref), 60, f"an answer to {ref}")
    return answer


def test_odd_records_are_answered_and_so_is_what_comes_behind_them(make_pipeline: Callable[..., Pipeline]) -> None:
    """Timestamps in other units, huge keys, huge headers: one partition, one worker, all of it committed."""
    topics = {"images": {**ANY_TIME, **ROOMY}, "decisions": {"max.message.bytes": "1000000"}, "dlq": ROOMY}
    pipeline = make_pipeline(topics=topics)
    worker = pipeline.worker()
    put = lambda **odd: pipeline.kafka.produce(pipeline.images, picture(1), **odd)  # noqa: E731
    many = [(f"x{number}", bytes(1000)) for number in range(16_000)]
    ours = [("sluice.reason", b"theirs"), ("__connect.errors.stage", b"theirs"), ("ce_id", b"theirs")]
    events = {
        "plain": put(key=b"plain"),
        "microseconds": put(timestamp_ms=NOW * 1000),
        "nanoseconds": put(timestamp_ms=NOW * 1_000_000),
        "year 10000": put(timestamp_ms=253_402_300_800_000),
        "last": put(timestamp_ms=2**63 - 1),
        "negative": put(timestamp_ms=-NOW),
        "huge key": put(key=b"k" * (6 * MEGABYTE)),
        "huge header": put(headers=[("big", bytes(16 * MEGABYTE)), ("own", b"1")]),
        "many headers": put(headers=[*many, ("own", b"1")]),
        "our names": put(headers=ours),
        "behind": put(key=b"behind"),
    }
    worker.wait_until_ready()
    answers = {name: answer_to(pipeline, event) for name, event in events.items()}
    decisions = {name: answer.decision for name, answer in answers.items()}
    assert [name for name, decision in decisions.items() if decision is None] == []
    for name, decision in decisions.items():
        assert decision is not None
        assert schema_problems(decision) == [], name
    notes = {name: " ".join(decision["notes"]) for name, decision in decisions.items() if decision}
    assert [name for name in ("plain", "our names", "behind") if notes[name]] == []
    assert all("timestamp" in notes[name] for name in ("microseconds", "nanoseconds", "year 10000", "negative"))
    assert "hashed" in notes["huge key"]
    assert "headers left out: 'big'" in notes["huge header"]
    assert "headers left out: 'x" in notes["many headers"]
    assert answers["huge header"].record.header("own") == b"1"
    assert answers["our names"].record.header("sluice.event.sluice.reason") == b"theirs"
    assert answers["our names"].record.header("sluice.reason") is None
    pipeline.wait_until_committed()
    assert worker.metric("sluice_dead_letters_total") == 0


def test_what_the_dead_letter_topic_refuses_for_good_is_answered_in_a_smaller_form(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    """2 MB of junk where a dead letter may have 1 MB, and no key where the topic is compacted."""
    narrow = {"max.message.bytes": "1000000", "cleanup.policy": "compact"}
    pipeline = make_pipeline(topics={"images": ROOMY, "dlq": narrow})
    worker = pipeline.worker()
    junk = b"junk" * (MEGABYTE // 2)
    produce = pipeline.kafka.produce
    events = {
        "too large": produce(pipeline.images, junk, key=b"k"),
        "no key": produce(pipeline.images, b"junk"),
        "headers": produce(pipeline.images, b"junk", key=b"h", headers=[("big", bytes(MEGABYTE))]),
        "neither": produce(pipeline.images, junk, headers=[("big", bytes(MEGABYTE))]),
        "too many headers": produce(pipeline.images, picture(1), key=b"m", headers=[("", b"")] * 100_000),
        "behind": produce(pipeline.images, picture(1)),
    }
    worker.wait_until_ready()
    answers = {name: answer_to(pipeline, event) for name, event in events.items()}
    pipeline.wait_until_committed()
    where = {name: json.loads(answers[name].record.value or b"") for name in ("too large", "neither")}
    for name, value in where.items():
        assert (value["topic"], value["offset"]) == (pipeline.images, events[name].offset)
        assert value["bytes"] == len(junk)
    assert answers["too large"].record.key == b"k"
    assert answers["no key"].record.key == f"{pipeline.images}/0/1".encode()
    assert answers["no key"].record.value == b"junk"
    assert answers["headers"].record.value == b"junk"
    crowded = answers["too many headers"]
    assert (crowded.reason, crowded.record.value) == ("too_many_headers", picture(1))
    assert crowded.record.header("sluice.note") == b"headers left out: 100,000 of them"
    assert answers["behind"].decision is not None
    assert {answers[name].reason for name in ("too large", "no key", "headers", "neither")} == {"not_an_image"}
    assert worker.metric("sluice_smaller_answers_total") > 0
    said = [entry["remark"] for entry in worker.logged("topic_settings")]
    assert any("max.message.bytes" in remark for remark in said)
    assert any("compacted" in remark for remark in said)
    assert worker.process.terminate(within=STOP) == 0


def test_a_decisions_topic_that_takes_no_more_than_a_few_bytes_makes_dead_letters(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    pipeline = make_pipeline(topics={"decisions": {"max.message.bytes": "600"}}, brake_run=0, brake_ratio=0)
    worker = pipeline.worker()
    events = pipeline.send(pictures(3))
    worker.wait_until_ready()
    answers = [answer_to(pipeline, event) for event in events]
    assert {answer.reason for answer in answers} == {"answer_refused"}
    pipeline.wait_until_committed()


def test_a_topic_made_anew_gives_new_ids_and_a_policy_edit_none(
    make_pipeline: Callable[..., Pipeline], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Offsets begin at 0 again, so they do not tell two images apart; ids do. An event keeps its id for ever."""
    pipeline = make_pipeline()
    first = pipeline.worker()
    [event] = pipeline.send([picture(1)])
    before = answer_to(pipeline, event)
    policies = write_policies(tmp_path_factory.mktemp("edited") / "other")
    edit(policies, "gambling.yaml", policy("Gambling", ["dice"], {"review": 0.9}))
    other = pipeline.beside(policies=policies)
    edited = other.worker()
    again = answer_to(other, event)
    assert [worker.process.terminate(within=STOP) for worker in (first, edited)] == [0, 0]

    pipeline.kafka.delete_topic(pipeline.images)
    until(lambda: _made_anew(pipeline), 60, "the topic to be gone and made again")
    anew = pipeline.beside()
    last = anew.worker()
    after = answer_to(anew, pipeline.send([picture(2)])[0])
    assert last.process.terminate(within=STOP) == 0

    assert before.event == again.event == after.event
    assert before.event_id == again.event_id != after.event_id
    assert before.decision is not None
    assert again.decision is not None
    assert before.decision["decision_id"] != again.decision["decision_id"]


def _made_anew(pipeline: Pipeline) -> bool:
    try:
        pipeline.kafka.create_topic(pipeline.images)
    except Exception:  # noqa: BLE001 - it is still being deleted
        return False
    return True


def test_a_dead_letter_has_the_id_that_its_event_would_have_had(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline()
    pipeline.worker()
    letter = answer_to(pipeline, pipeline.kafka.produce(pipeline.images, b"junk"))
    assert len((letter.record.header(EVENT_ID_HEADER) or b"").decode()) == 32
