"""History on a real Kafka: decisions by time and by id, from topics and from an archive, and made again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import schema_problems
from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.e2e.standing import Standing
from tests.services.processes import ChildProcess

RUN = 240.0
"""Seconds that a command may take: its imports, a model, and reading a small topic."""


def run(pipeline: Pipeline, *words: str, status: int = 0, **settings: object) -> ChildProcess:
    """Run a command to its end."""
    process = pipeline.command(*words, **{**pipeline.topic_settings, **settings})
    assert process.wait(RUN) == status, str(process)
    assert "Traceback" not in process.stderr()
    return process


def objects(process: ChildProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.stdout().splitlines()]


@pytest.fixture(scope="module")
def moment(standing: Standing) -> tuple[float, float]:
    """Two rounds of pictures, of two hundreds of ids, and the moments between them and behind them."""
    pipeline, before = standing.pipeline, standing.pipeline.answered()
    pipeline.send([picture(number) for number in range(6)], start=21_000)
    pipeline.wait_for_answers(before + 6, standing.worker)
    time.sleep(0.2)
    between = time.time()
    time.sleep(0.2)
    pipeline.send([*(picture(number) for number in range(6, 10)), b"no picture"], start=22_000)
    pipeline.wait_for_answers(before + 11, standing.worker)
    return between, time.time()


def tail(standing: Standing, *words: str) -> list[dict[str, Any]]:
    found = objects(run(standing.pipeline, "tail", "--json", *words))
    assert [problem for each in found if "verdict" in each for problem in schema_problems(each)] == []
    return found


def test_history_begins_and_ends_where_it_is_told_to(standing: Standing, moment: tuple[float, float]) -> None:
    between, end = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z" for at in moment
    )
    since = tail(standing, "--since", between, "--no-follow")
    assert {each["image_id"] for each in since} >= {f"image-{number}" for number in range(22_000, 22_004)}
    assert not {each["image_id"] for each in since} & {f"image-{number}" for number in range(21_000, 21_006)}
    until = tail(standing, "--since", "1h", "--until", between)
    assert {each["image_id"] for each in until} >= {f"image-{number}" for number in range(21_000, 21_006)}
    for each in (*since, *until):
        assert each["stored"]["topic"] == standing.pipeline.decisions
        assert (each["time"] >= between[:23]) == (each in since)
    followed = tail(standing, "--since", between, "--limit", "4")
    assert {each["image_id"] for each in followed} <= {each["image_id"] for each in since}
    [letter] = tail(standing, "--dead-letters", "--since", between, "--until", end)
    assert (letter["image_id"], letter["reason"]) == ("image-22004", "not_an_image")


def test_filters_join_and_each_line_says_when_and_where_it_was_written(
    standing: Standing, moment: tuple[float, float]
) -> None:
    del moment
    everything = tail(standing, "--since", "1h", "--no-follow")
    scored = tail(standing, "--since", "1h", "--no-follow", "--policy", "weapons", "--min-score", "0.1")
    assert {each["decision_id"] for each in scored} == {
        each["decision_id"] for each in everything if each["scores"].get("weapons", 0) >= 0.1
    }
    review = tail(standing, "--since", "1h", "--no-follow", "--verdict", "review", "--verdict", "block")
    assert len(review) == sum(each["verdict"] in {"review", "block"} for each in everything)
    lines = run(standing.pipeline, "tail", "--since", "1h", "--no-follow", "-n", "1").stdout()
    starts = {f"{each['time']} {each['stored']['partition']}@{each['stored']['offset']} " for each in everything}
    assert lines[: lines.index(" ", 25) + 1] in starts
    for words in (
        ["--dead-letters", "--flagged"],
        ["--verdict", "nobody"],
        ["--from-beginning", "--since", "1h"],
    ):
        run(standing.pipeline, "tail", *words, status=2)


def test_a_decision_is_found_by_any_of_its_ids_in_the_topics_and_an_unknown_id_is_said(standing: Standing) -> None:
    pipeline, before = standing.pipeline, standing.pipeline.answered()
    for number in range(2):  # the same image id, with another image
        pipeline.send([picture(number)], start=23_000)
        pipeline.wait_for_answers(before + number + 1, standing.worker)
    pipeline.send([b"no picture"], start=23_001)
    pipeline.wait_for_answers(before + 3, standing.worker)
    newest, older = objects(run(pipeline, "decision", "image-23000", "--json"))
    assert newest["decided_at"] >= older["decided_at"]
    assert {newest["image_id"], older["image_id"]} == {"image-23000"}
    assert schema_problems(newest) == []
    for name in (newest["decision_id"], newest["event_id"]):
        assert objects(run(pipeline, "decision", name, "--json")) == [newest]
    shown = run(pipeline, "decision", newest["event_id"])
    assert all(
        newest[name] in shown.stdout() for name in ("decision_id", "policy_set", "content_sha256", "preprocess")
    )
    assert f"{pipeline.decisions}, " in shown.stderr()
    [letter] = objects(run(pipeline, "decision", "image-23001", "--json"))
    assert letter["reason"] == "not_an_image"
    unknown = run(pipeline, "decision", "nobody", status=1)
    assert unknown.stdout() == ""
    assert "called nobody" in unknown.stderr()


def test_a_decision_made_again_is_identical_and_after_an_edit_names_the_old_set(
    make_pipeline: Callable[..., Pipeline], quick: dict[str, object], tmp_path: Path
) -> None:
    pipeline = make_pipeline(partitions=2)
    worker = pipeline.worker()
    pipeline.send([picture(number) for number in range(12)])
    pipeline.wait_for_answers(12, worker)
    assert worker.process.terminate(STOP) == 0
    decided = pipeline.answers().decisions
    file = tmp_path / "decisions.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in decided))
    model = {name: quick[name] for name in ("model", "device", "dtype")}
    same = objects(run(pipeline, "replay", str(file), "--json", policies=quick["policies"], **model))
    assert [each["outcome"] for each in same] == ["identical"] * 12
    assert [each["before"]["event_id"] for each in same] == [each["event_id"] for each in decided]

    forged = {**decided[0], "verdict": "block" if decided[0]["verdict"] != "block" else "allow"}
    (tmp_path / "forged.json").write_text(json.dumps(forged, indent=2))
    different = run(pipeline, "replay", str(tmp_path / "forged.json"), status=1, policies=quick["policies"], **model)
    assert f"verdict {' ' * 24} {forged['verdict']}  now  {decided[0]['verdict']}" in different.stdout()

    gone = {**decided[0], "event_id": "0" * 32}
    (tmp_path / "gone.json").write_text(json.dumps(gone))
    refused = run(pipeline, "replay", str(tmp_path / "gone.json"), status=2, policies=quick["policies"], **model)
    assert "another event stands at" in refused.stderr()

    [why] = objects(
        run(pipeline, "explain", decided[0]["decision_id"], "--json", policies=quick["policies"], **model)
    )
    for name in ("decision_id", "image_id", "scores", "verdict", "policy_set"):
        assert why["image" if name == "image_id" else name] == decided[0][name]
    assert why["policies"][0]["heat"]["without"]
    assert why["notes"] == decided[0]["notes"]

    edited = tmp_path / "edited"
    edited.mkdir()
    for each in Path(str(quick["policies"])).iterdir():
        (edited / each.name).write_text(each.read_text().replace("0.15", "0.16"))
    other = run(pipeline, "replay", str(file), status=2, policies=edited, **model)
    assert f"the policy set {decided[0]['policy_set']} is not in {edited}" in other.stderr()
    explained = objects(
        run(pipeline, "explain", decided[0]["event_id"], "--no-map", "--json", policies=edited, **model)
    )
    assert f"the policies of {edited} explain it here" in explained[0]["notes"][0]
    assert explained[0]["policy_set"] != decided[0]["policy_set"]
    unknown = run(pipeline, "explain", "nobody", status=2, policies=edited, **model)
    assert "nobody is no file, and as an id it is no decision's" in unknown.stderr()
    elsewhere = run(pipeline, "explain", decided[0]["decision_id"], status=2, policies=edited, model="bundled")
    assert "explain it with the settings of the worker" in elsewhere.stderr()
