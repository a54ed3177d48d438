"""Dead letters on a real Kafka: found, looked at, saved, replayed once the worker is mended, and purged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipeline.wire import Event, event_id
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.services.kafka import Record
from tests.services.processes import ChildProcess

RUN = 120.0
"""Seconds that a command may take: its imports, and reading a small topic."""


def dlq(pipeline: Pipeline, *words: str, status: int = 0, **settings: object) -> ChildProcess:
    """Run ``sluice dlq`` to its end."""
    process = pipeline.command("dlq", *words, **{**pipeline.topic_settings, **settings})
    assert process.wait(RUN) == status, str(process)
    return process


def objects(process: ChildProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.stdout().splitlines()]


def id_of(pipeline: Pipeline, record: Record) -> str:
    """The event id that its answers must have, from the record as the producer knows it."""
    event = Event(
        pipeline.images,
        record.partition,
        record.offset,
        record.key,
        record.value,
        record.headers,
        record.timestamp_ms / 1000,
    )
    return event_id(event, sha256(record.value or b"").hexdigest())


def decided(pipeline: Pipeline) -> Counter[str]:
    return Counter(decision["event_id"] for decision in pipeline.answers().decisions)


def test_a_mended_worker_and_a_replay_leave_the_topics_ledger_whole(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    """The worker that fails takes no picture of more than ten pixels; what is broken for good stays a dead letter."""
    pipeline = make_pipeline(partitions=3)
    pictures = [picture(number) for number in range(24)]
    junk = [b"no picture", b""]
    sent = pipeline.send([*pictures, *junk])
    ids = [id_of(pipeline, record) for record in sent]
    assert len(set(ids)) == len(ids)
    failing = pipeline.worker(max_pixels=10)
    pipeline.wait_for_answers(len(sent), failing)
    assert failing.process.terminate(STOP) == 0

    listed = objects(dlq(pipeline, "list", "--json"))
    assert Counter(letter["event_id"] for letter in listed) == Counter(ids)
    assert {letter["reason"] for letter in listed} == {"too_large", "not_an_image", "empty"}
    for letter in listed:
        place = letter["source"]["partition"], letter["source"]["offset"]
        assert place in {(record.partition, record.offset) for record in sent}
        assert letter["time"].endswith("Z")
        assert len(letter["policy_set"]) == 12
    [counts] = objects(dlq(pipeline, "list", "--json", "--counts", "--since", "1h"))
    assert counts["reasons"] == {"too_large": 24, "not_an_image": 1, "empty": 1}
    dlq(pipeline, "replay", status=2)  # nothing narrows it down, and nobody can be asked
    dry = objects(dlq(pipeline, "replay", "--dry-run", "--json", "--reason", "too_large"))
    assert {letter["event_id"] for letter in dry} == set(ids[:24])
    assert pipeline.kafka.end_offsets(pipeline.images) == {0: 9, 1: 9, 2: 8}, "a dry run and a refusal send nothing"

    mended = pipeline.worker()
    mended.wait_until_ready()
    dlq(pipeline, "replay", "--reason", "too_large", "--rate", "1000")
    pipeline.wait_for_answers(len(sent) + 24, mended)
    assert decided(pipeline) == Counter(ids[:24]), "every picture is decided, once, under the id of its event"
    again = dlq(pipeline, "replay", "--reason", "too_large", "--json")
    assert again.stdout() == ""
    assert "0 replayed" in again.stderr()

    dlq(pipeline, "replay", "--yes", "--rate", "1000")  # everything: those that were decided again, and the junk
    pipeline.wait_for_answers(len(sent) + 24 + len(sent), mended)
    pipeline.wait_until_committed()
    assert decided(pipeline) == Counter(dict.fromkeys(ids[:24], 2)), "a repeat comes under the same id"
    letters = objects(dlq(pipeline, "list", "--json"))
    assert {letter["event_id"] for letter in letters if letter["replays"] == 1} == set(ids[24:])
    assert len({decision["decision_id"] for decision in pipeline.answers().decisions}) == 24


def test_what_fails_for_reasons_of_its_own_is_replayed_three_times_and_not_a_fourth(
    make_pipeline: Callable[..., Pipeline],
) -> None:
    pipeline = make_pipeline()
    [sent] = pipeline.send([b"no picture"])
    worker = pipeline.worker()
    for count in range(1, 5):
        pipeline.wait_for_answers(count, worker)
        done = dlq(pipeline, "replay", "--reason", "not_an_image", status=1 if count == 4 else 0)
    assert "1 exhausted" in done.stdout()
    assert f"{pipeline.dead_letters}[0]@3" in done.stderr()
    letters = pipeline.answers().dead_letters
    assert [letter.event_id for letter in letters] == [id_of(pipeline, sent)] * 4
    replays = pipeline.kafka.read_all(pipeline.images)
    assert [replay.header("sluice.replays") for replay in replays] == [None, b"1", b"2", b"3"]
    assert {(replay.key, replay.value, replay.header("x-trace")) for replay in replays} == {
        (sent.key, sent.value, b"0")
    }


@pytest.fixture
def letters(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    """A pipeline whose dead-letter topic holds what a stranger wrote into it, and no worker."""
    pipeline = make_pipeline()
    headers = [("sluice.reason", b"truncated"), ("sluice.event_id", b"e" * 32)]
    headers += [("__connect.errors.topic", pipeline.images.encode()), ("__connect.errors.partition", b"0")]
    headers += [("__connect.errors.offset", b"0"), ("__connect.errors.exception.message", b"\x1b[2Jgone\nforged")]
    records = [
        Record(b"cat \x1b]0;title\x07", picture(1), (("x", b"\xff\x00"), *headers)),
        Record(b"cat \x1b]0;title\x07", picture(2), tuple(headers)),
        Record(None, b""),
        Record(b"connect", b"{}", (("__connect.errors.topic", b"elsewhere"),)),
    ]
    pipeline.kafka.produce_all(pipeline.dead_letters, records)
    return pipeline


def test_what_strangers_wrote_is_listed_shown_and_never_obeyed(letters: Pipeline) -> None:
    listed = dlq(letters, "list").stdout()
    assert "4 dead letters: 2 truncated, 2 foreign" in listed
    shown = dlq(letters, "show", f"{letters.dead_letters}[0]@0").stdout()
    assert " pixels" in shown
    assert "cat \\x1b]0;title\\x07" in shown
    assert "\\x1b[2Jgone\\nforged" in shown
    as_json = dlq(letters, "show", "e" * 32, "--json").stdout()
    assert [each["stored"]["offset"] for each in map(json.loads, as_json.splitlines())] == [0, 1]
    assert not {"\x1b", "\x07"} & set(listed + shown + as_json)
    assert "no dead letter" in dlq(letters, "show", "nobody", status=2).stderr()


def test_bytes_are_saved_as_they_are_and_nothing_is_written_over(letters: Pipeline, tmp_path: Path) -> None:
    file, place = tmp_path / "saved", f"{letters.dead_letters}[0]@1"
    dlq(letters, "save", place, str(file))
    assert file.read_bytes() == picture(2)
    assert "--force" in dlq(letters, "save", f"{letters.dead_letters}[0]@0", str(file), status=2).stderr()
    assert file.read_bytes() == picture(2)
    dlq(letters, "save", f"{letters.dead_letters}[0]@0", str(file), "--force")
    assert file.read_bytes() == picture(1)
    assert "name a folder" in dlq(letters, "save", "e" * 32, str(file), status=2).stderr()
    folder = tmp_path / "folder"
    folder.mkdir()
    dlq(letters, "save", "e" * 32, str(folder))
    assert sorted(each.read_bytes() for each in folder.iterdir()) == sorted([picture(1), picture(2)])
    assert {each.stem for each in folder.iterdir()} == {"0-0", "0-1"}


def test_the_oldest_are_purged_up_to_an_offset_or_a_time(letters: Pipeline) -> None:
    assert "--yes" in dlq(letters, "purge", "--all", status=2).stderr()
    assert "say up to where" in dlq(letters, "purge", "--yes", status=2).stderr()
    dlq(letters, "purge", "--up-to", "0=3", "--dry-run")
    dlq(letters, "purge", "--before", "1h", "--yes")
    assert len(letters.kafka.read_all(letters.dead_letters)) == 4
    assert "end" in dlq(letters, "purge", "--up-to", "0=9", "--yes", status=2).stderr()
    [said] = objects(dlq(letters, "purge", "--up-to", "0=3", "--yes", "--json"))
    assert (said["partition"], said["before"], said["records"]) == (0, 3, 3)
    assert [record.offset for record in letters.kafka.read_all(letters.dead_letters)] == [3]
    dlq(letters, "purge", "--all", "--yes")
    assert letters.kafka.read_all(letters.dead_letters) == []


def test_dead_letters_are_never_replayed_into_their_own_topic(letters: Pipeline) -> None:
    said = dlq(letters, "replay", "--to", letters.dead_letters, "--yes", status=2).stderr()
    assert "name another topic" in said
    same = dlq(letters, "replay", "--yes", status=2, images_topic=letters.dead_letters).stderr()
    assert "images_topic and dead_letters_topic must differ" in same
