"""What an archive remembers of a real stream: found by id, made again after an edit, and decided anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import schema_problems
from tests.e2e.archive_under_test import ArchiveUnderTest, archive_on
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.e2e.policies_under_test import FILES, policy
from tests.e2e.test_claim_checks import IMAGE, image_host
from tests.e2e.test_history import RUN, objects, run
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, free_port

PICTURES = 40


@dataclass(frozen=True)
class Remembered:
    """A pipeline whose worker has stopped, the archive of what it decided, and an edit of its policies."""

    pipeline: Pipeline
    archive: ArchiveUnderTest
    edited: Path
    port: int

    @property
    def how(self) -> dict[str, object]:
        """Settings of commands that look at images as the worker did, with the edited policies."""
        names = ("model", "device", "dtype", "fetch_allowed_hosts", "fetch_allow_private", "fetch_allow_http")
        own = {name: self.pipeline.settings[name] for name in names}
        return {**own, "policies": self.edited, "archive": self.archive.folder}


@pytest.fixture
def remembered(kafka: KafkaBroker, make_pipeline: Callable[..., Pipeline], tmp_path: Path) -> Iterator[Remembered]:
    port = free_port()
    fetch = {"fetch_allowed_hosts": f"{HOST}:{port}", "fetch_allow_private": True, "fetch_allow_http": True}
    edited = tmp_path / "edited"
    edited.mkdir()
    for name, text in (FILES | {"weapons.yaml": policy("Weapons", ["a knife", "a gun"], {"block": 0.02})}).items():
        (edited / name).write_text(text)
    with archive_on(kafka, tmp_path) as archive, image_host(port):
        pipeline = make_pipeline(partitions=2, archive="features", features_topic=archive.features, **fetch)
        worker, archiver = pipeline.worker(), archive.archiver()
        pipeline.send([picture(number) for number in range(PICTURES)])
        claim = {"uri": f"http://{HOST}:{port}/image.jpg", "sha256": sha256(IMAGE).hexdigest(), "id": "claimed"}
        kafka.produce(pipeline.images, json.dumps(claim).encode(), headers=[("content-type", b"application/json")])
        pipeline.wait_for_answers(PICTURES + 1, worker)
        archive.wait_until_committed()
        assert worker.process.terminate(STOP) == archiver.process.terminate(STOP) == 0
        yield Remembered(pipeline, archive, edited, port)


def held_by_a_reader(decisions: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a reader has of each event who takes its first decision, and then what names the one that it has."""
    held: dict[str, dict[str, Any]] = {}
    for each in decisions:
        known = held.setdefault(each["event_id"], each)
        if each.get("supersedes") == known["decision_id"]:
            held[each["event_id"]] = each
    return held


def in_order_of_writing(pipeline: Pipeline) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in pipeline.kafka.read_all(pipeline.decisions)]


def test_an_archive_is_asked_by_id_and_decisions_are_made_again_by_the_set_that_they_name(
    remembered: Remembered, tmp_path: Path
) -> None:
    pipeline, folder = remembered.pipeline, remembered.archive.folder
    decided = pipeline.answers().decisions
    [claimed] = [each for each in decided if each["image_id"] == "claimed"]
    for name in ("claimed", claimed["event_id"], claimed["decision_id"]):
        assert objects(run(pipeline, "decision", name, "--json", archive=folder)) == [claimed]
    [stored] = objects(run(pipeline, "decision", "claimed", "--json"))
    assert {name: stored[name] for name in claimed} == claimed

    file = tmp_path / "decisions.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in decided))
    same = objects(run(pipeline, "replay", str(file), "--json", **remembered.how))
    assert {(each["outcome"], each["replayed"]) for each in same} == {("identical", "event")}
    assert {each["after"]["policy_set"] for each in same} == {claimed["policy_set"]}
    assert len(same) == PICTURES + 1

    elsewhere = remembered.how | {"fetch_allowed_hosts": f"{HOST}:{free_port()}"}
    gone = run(pipeline, "replay", claimed["decision_id"], **elsewhere)
    assert "identical" in gone.stdout()
    assert "archived features were judged" in gone.stdout()


def test_archived_events_are_decided_anew_once_also_by_a_command_that_was_killed(remembered: Remembered) -> None:
    pipeline, how = remembered.pipeline, {**remembered.how}
    for name in ("fetch_allowed_hosts", "fetch_allow_private", "fetch_allow_http"):
        del how[name]
    before = in_order_of_writing(pipeline)
    dry = objects(run(pipeline, "redecide", "weapons", "--json", since="1d", **how))
    assert in_order_of_writing(pipeline) == before, "it publishes nothing unless it is told to"
    assert len(dry) > 5
    assert all(each["was"] != each["decision"]["verdict"] for each in dry)

    killed = pipeline.command("redecide", "--publish", since="1d", rate=2, **pipeline.topic_settings, **how)
    until(lambda: len(in_order_of_writing(pipeline)) > len(before) + 1, RUN, lambda: str(killed))
    killed.kill()
    run(pipeline, "redecide", "--publish", since="1d", rate=1000, **how)
    again = run(pipeline, "redecide", "--publish", since="1d", rate=1000, **how)
    assert " 0 decided anew" in again.stdout()

    after = in_order_of_writing(pipeline)
    new = [each for each in after if "supersedes" in each]
    assert [problem for each in new for problem in schema_problems(each)] == []
    wanted = {each["decision"]["decision_id"]: each["decision"] for each in dry}
    assert {each["decision_id"] for each in new} == set(wanted)
    assert len(new) - len(wanted) < len(wanted), "what was published before the kill, once more at most"
    held = held_by_a_reader(after)
    for each in dry:
        said = held[each["decision"]["event_id"]]
        assert said["verdict"] == each["decision"]["verdict"]
        assert {**said, "decided_at": ""} == {**each["decision"], "decided_at": ""}

    name = next(iter(wanted.values()))["event_id"]
    newest, first = objects(run(pipeline, "decision", name, "--json", archive=remembered.archive.folder))
    assert first["superseded_by"] == newest["decision_id"]
    assert newest["supersedes"] == first["decision_id"]
    topics = objects(run(pipeline, "decision", name, "--json"))
    assert [each["decision_id"] for each in topics] == [newest["decision_id"], first["decision_id"]]
    replayed = run(pipeline, "replay", newest["decision_id"], **remembered.how)
    assert "identical" in replayed.stdout()
