"""Policies' own tests: what counts as passed, and that the shipped policies pass theirs with the bundled model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from workers.cli import app
from workers.policies.tests import Trial


@pytest.mark.parametrize(
    ("must_flag", "score", "passed"),
    [(True, 0.5, True), (True, 0.49, False), (False, 0.49, True), (False, 0.5, False), (False, None, False)],
)
def test_a_sample_passes_when_it_is_flagged_exactly_if_it_must_be(
    must_flag: bool, score: float | None, passed: bool
) -> None:
    assert Trial("weapons", "knife.jpg", must_flag, score, 0.5).passed is passed


def test_programs_are_told_the_place_of_a_sample_under_that_name() -> None:
    told = Trial(
        "weapons", "knife.jpg", must_flag=True, score=0.25, threshold=0.5, named_at="weapons.yaml:9"
    ).as_json()
    assert told == {
        "policy": "weapons",
        "sample": "knife.jpg",
        "must_flag": True,
        "score": 0.25,
        "threshold": 0.5,
        "problem": "",
        "place": "weapons.yaml:9",
        "passed": False,
    }


def test_the_shipped_policies_do_what_their_owners_say() -> None:
    shown = CliRunner().invoke(app, ["policy", "test", "--json"], standalone_mode=False)
    trials = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [trial for trial in trials if not trial["passed"]] == []
    assert {trial["policy"] for trial in trials if trial["must_flag"]} >= {
        "weapons",
        "tobacco",
        "alcohol",
        "gambling",
    }
    assert shown.return_value == 0


def test_a_sample_that_does_not_come_out_so_fails_the_run_and_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (90, 120, 200)).save(tmp_path / "sky.png")
    (tmp_path / "weapons.yaml").write_text(
        "title: Weapons\nprompts: [a knife]\nunless: [a blue sky]\nactions: {block: 1.0}\n"
        "tests: {must_flag: [sky.png], must_pass: [sky.png]}\n"
    )
    shown = CliRunner().invoke(app, ["policy", "test", "--policies", str(tmp_path)], standalone_mode=False)
    assert shown.return_value == 1
    assert "FAILED  weapons: sky.png scores" in shown.output
    assert "1 of 2 samples" in shown.output
