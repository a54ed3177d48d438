"""Whoever commits, proposes or merges passes the same gates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
RUN = (ROOT / "tests" / "run").read_text()
CHECKS = re.findall(r"^check (.+)$", RUN, re.MULTILINE)
BESIDE = re.findall(r"^(\w+) > .+ &$", RUN, re.MULTILINE)
"""What runs beside the tests."""


def yaml(path: str) -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / path)


def test_a_commit_is_held_to_what_tests_run_checks_but_for_the_tests() -> None:
    hooks = [hook for repo in yaml(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert {hook["entry"] for hook in hooks} == {f".venv/bin/{check}" for check in [*CHECKS[:-1], *BESIDE]}
    assert BESIDE == ["mypy"]
    assert CHECKS[-1].startswith("pytest")
    assert not any(hook["pass_filenames"] for hook in hooks)


def test_the_workflow_runs_what_ci_runs_on_the_oldest_python_and_the_images() -> None:
    (job,) = yaml(".github/workflows/ci.yml")["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    oldest = re.search(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text())
    image = re.search(r"ARG PYTHON_VERSION=(.+)", (ROOT / "deploy" / "Dockerfile").read_text())
    assert oldest
    assert image
    assert job["strategy"]["matrix"]["python"] == [oldest[1], image[1]]


def test_the_command_that_makes_the_lock_is_the_one_that_made_it() -> None:
    made_by = re.search(
        r"^#    (uv pip compile .+)$", (ROOT / "deploy" / "requirements.lock").read_text(), re.MULTILINE
    )
    assert made_by
    assert made_by[1] in (ROOT / ".github" / "CONTRIBUTING.md").read_text()
