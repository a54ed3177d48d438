"""The alert rules by themselves: promtool's own checks and the scenarios of its tests."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.deploy.expressions import ALERTS, DEPLOY, documents

PROMETHEUS = DEPLOY / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in documents(ALERTS)[0]["groups"] for rule in group["rules"] if "alert" in rule
]
TESTS = sorted(path.name for path in PROMETHEUS.glob("*_test.yaml"))
SCENARIOS = "".join((PROMETHEUS / name).read_text() for name in TESTS)


COMMANDS = ["check rules alerts.yaml", "check config prometheus.yaml", *(f"test rules {name}" for name in TESTS)]


@pytest.mark.parametrize("command", COMMANDS)
def test_promtool_agrees(promtool: str, command: str) -> None:
    argv = [promtool, *command.split()]
    done = subprocess.run(argv, cwd=PROMETHEUS, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
class TestEveryAlert:
    def test_tells_what_happened_and_what_to_do(self, rule: dict[str, Any]) -> None:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert all(len(text) > 15 for text in rule["annotations"].values())

    def test_fires_in_a_scenario(self, rule: dict[str, Any]) -> None:
        assert f'alertname="{rule["alert"]}"' in SCENARIOS or f"alertname: {rule['alert']}" in SCENARIOS
