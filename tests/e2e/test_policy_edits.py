"""A policy edit is live within two seconds, in the middle of a stream; a bad one changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pipeline.rules.policies.bounds import MOST_SENTENCES
from tests.e2e.pipeline_under_test import STOP, Pipeline
from tests.e2e.policies_under_test import edit, policy, write_policies
from tests.e2e.standing import Standing
from tests.e2e.stream import Stream, seconds_of
from tests.services.deadline import until

PROMISED = 2.0
"""Seconds from the rename that ends an edit to the first decision by the new policies."""


def test_a_renamed_file_decides_within_two_seconds(standing: Standing, stream: Stream) -> None:
    before = stream.next_decisions(3)[-1]
    assert "alcohol" not in before["scores"]

    edit(standing.policies.folder, "alcohol.yaml", policy("Alcohol", ["a bottle of wine"], {"label": 0.5}))
    edited = time.time()
    first = stream.wait_for_set(other_than=before["policy_set"], within=30)

    assert "alcohol" in first["scores"]
    assert seconds_of(first["decided_at"]) - edited < PROMISED
    after = stream.next_decisions(20)
    assert {each["policy_set"] for each in after} == {first["policy_set"]}, "the old policies decided once more"


def test_a_swapped_configmap_decides_within_two_seconds(standing: Standing, stream: Stream) -> None:
    before = stream.next_decisions(3)[-1]

    standing.policies.change("gambling.yaml", policy("Gambling", ["a roulette wheel"], {"review": 0.0}))
    edited = time.time()
    first = stream.wait_for_set(other_than=before["policy_set"], within=30)

    assert seconds_of(first["decided_at"]) - edited < PROMISED
    assert [match["prompt"] for match in first["matches"] if match["policy"] == "gambling"] == ["a roulette wheel"]


def test_an_edit_that_does_not_hold_is_refused_aloud_and_changes_nothing(standing: Standing, stream: Stream) -> None:
    worker, good = standing.worker, standing.policies.files["weapons.yaml"]
    live = stream.next_decisions(1)[-1]["policy_set"]
    refused_before = worker.metric("sluice_policy_reloads_total", result="invalid")

    standing.policies.change("weapons.yaml", good.replace("  label: 0.02", "  label: 1.5"))
    [refused] = worker.wait_for_log("policy_refused")

    assert refused["file"].endswith("weapons.yaml")
    assert good.splitlines()[refused["line"] - 1].strip() == "label: 0.02"
    assert refused["reason"] == "'actions.label': write a number from 0 to 1, such as 0.6, not 1.5"
    assert worker.metric("sluice_policy_reloads_total", result="invalid") == refused_before + 1
    assert worker.metric("sluice_policies_refused") == 1
    assert {each["policy_set"] for each in stream.next_decisions(20)} == {live}

    standing.policies.change("weapons.yaml", good)
    until(lambda: worker.metric("sluice_policies_refused") == 0, 60, "the mended files are live")
    assert {each["policy_set"] for each in stream.next_decisions(5)} == {live}, "the same files are the same version"


def test_a_worker_told_to_stop_amid_an_edit_ends_in_order(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    """A process that exits while a thread of it computes is aborted by its libraries, and reported as a crash."""
    pipeline = make_pipeline(policies=write_policies(tmp_path / "own"))
    worker = pipeline.workers(1)[0]
    prompts = [f"thing number {number}" for number in range(6_000)]
    for first in range(0, len(prompts), MOST_SENTENCES):
        some = prompts[first : first + MOST_SENTENCES]
        edit(tmp_path / "own", f"things-{first}.yaml", policy("Things", some, {"label": 0.9}))
    until(
        lambda: worker.metric("sluice_text_cache_lookups_total", result="miss") >= len(prompts),
        60,
        lambda: f"the new prompts are being encoded by {worker.process}",
    )
    assert worker.process.terminate(within=STOP) == 0, str(worker.process)
