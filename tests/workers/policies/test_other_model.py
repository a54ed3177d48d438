"""Thresholds that were set for another model are loud: in the log for each set, on stderr once."""

from __future__ import annotations

import json

import pytest
import structlog

from pipeline.rules.policies.policy_set import CalibratedFor
from workers.policies.other_model import LogOtherModel, SayOtherModel

OTHER = CalibratedFor("small", "1f2e")
TWO = {"gore": OTHER, "weapons": OTHER}


def test_the_log_warns_once_for_each_set_and_names_the_policies() -> None:
    with structlog.testing.capture_logs() as logged:
        hooks = LogOtherModel()
        for policies in ({}, TWO, TWO, {}):
            hooks.calibrated_for_another_model(policies)
    assert [each["log_level"] for each in logged] == ["warning", "warning"]
    assert (logged[0]["policies"], logged[0]["set_for"]) == (["gore", "weapons"], ["small@1f2e"])
    assert "sluice policy calibrate" in json.dumps(logged[0])


def test_a_person_is_told_once_for_the_same_policies(capsys: pytest.CaptureFixture[str]) -> None:
    """Two workers of one process load the same folder; then an edit brings another such policy."""
    hooks = SayOtherModel()
    for policies in (TWO, TWO, {**TWO, "tobacco": OTHER}, {}):
        hooks.calibrated_for_another_model(policies)
    shown = capsys.readouterr()
    first, second = shown.err.splitlines()
    assert first.startswith("sluice: the thresholds of gore, weapons were set for another model (small@1f2e): ")
    assert "gore, weapons, tobacco" in second
    assert shown.out == ""
