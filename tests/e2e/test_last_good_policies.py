"""A bad policy folder at a restart takes no worker and no fleet down: the last good set decides, loudly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.e2e.pictures import picture
from tests.e2e.pipeline_under_test import STOP, Pipeline, Worker
from tests.e2e.policies_under_test import FILES, edit, write_policies
from tests.services.deadline import until
from tests.services.processes import http_get

BAD = FILES["weapons.yaml"].replace("label: 0.02", "label: 2")


def decide_one(pipeline: Pipeline, worker: Worker, number: int) -> str:
    """The policy set that decides an image that is sent now."""
    before = pipeline.answered()
    pipeline.send([picture(number)], start=number)
    pipeline.wait_for_answers(before + 1, worker)
    [decision] = [each for each in pipeline.answers().decisions if each["image_id"] == f"image-{number}"]
    return str(decision["policy_set"])


def test_a_worker_that_restarts_beside_a_bad_folder_goes_on_deciding(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    folder = write_policies(tmp_path / "own")
    pipeline = make_pipeline(policies=folder, state=tmp_path / "state")
    first = pipeline.worker()
    first.wait_until_ready()
    good = decide_one(pipeline, first, 1)
    assert first.process.terminate(within=STOP) == 0

    edit(folder, "weapons.yaml", BAD)
    second = pipeline.worker()
    second.wait_until_ready()
    assert decide_one(pipeline, second, 2) == good
    assert second.metric("sluice_policies_last_good") == second.metric("sluice_policies_refused") == 1
    [said, *_] = second.wait_for_log("policies_last_good")
    assert said["live"] == good
    assert second.logged("policy_refused")[0]["line"] == 7
    until(lambda: "an older set decides" in (http_get(second.url("healthz")) or (0, ""))[1], 30, "healthz tells")

    edit(folder, "weapons.yaml", FILES["weapons.yaml"])
    until(lambda: second.metric("sluice_policies_last_good") == 0, 30, "the mended folder is live")
    assert second.process.terminate(within=STOP) == 0


def test_without_a_last_good_set_a_bad_folder_ends_the_start_with_its_line(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    folder = write_policies(tmp_path / "own")
    edit(folder, "weapons.yaml", BAD)
    worker = make_pipeline(policies=folder, state=tmp_path / "state").worker()
    assert worker.process.wait(within=120) == 2
    assert "weapons.yaml:7: 'actions.label': write 0.02, not 2" in worker.process.stderr()


def test_a_fleet_that_restarts_beside_a_bad_folder_starts(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    folder = write_policies(tmp_path / "own")
    pipeline = make_pipeline(policies=folder, state=tmp_path / "state", partitions=2)
    alone = pipeline.worker()
    alone.wait_until_ready()
    good = decide_one(pipeline, alone, 1)
    assert alone.process.terminate(within=STOP) == 0

    edit(folder, "weapons.yaml", BAD)
    fleet = pipeline.worker(moderators=2)
    fleet.wait_until_ready(within=180)
    assert decide_one(pipeline, fleet, 2) == good
    assert fleet.metric("sluice_policies_last_good", process="moderator-1") == 1
    assert fleet.process.terminate(within=STOP * 2) == 0
