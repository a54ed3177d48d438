"""The workflow for a repository of policies: its YAML holds, its scripts parse, its commands run on real folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.lab.backtest.comment import MARK
from tests.e2e.policies_under_test import write_policies
from tests.e2e.tiny_model import make_tiny_model
from tests.services.processes import ROOT, child_env
from tests.services.program import sluice_in

WORKFLOW = ROOT / "deploy" / "github" / "policies.yaml"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(WORKFLOW.read_text(encoding="utf-8")))


def scripts(workflow: dict[str, Any]) -> dict[str, str]:
    """What each step runs, by its name."""
    (job,) = workflow["jobs"].values()
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step}


def test_it_asks_for_no_more_than_it_needs(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert list(workflow["on"] if "on" in workflow else workflow[True]) == ["pull_request"], (
        "forks' code gets no secrets"
    )
    (job,) = workflow["jobs"].values()
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def test_nothing_that_a_stranger_writes_is_part_of_a_script(workflow: dict[str, Any]) -> None:
    """Titles, branches and bodies of pull requests would be run as they stand."""
    for script in scripts(workflow).values():
        assert set(re.findall(r"\$\{\{ *(.*?) *\}\}", script)) <= {"github.event.pull_request.base.sha"}


def test_every_script_is_shell(workflow: dict[str, Any]) -> None:
    for script in scripts(workflow).values():
        plain = re.sub(r"\$\{\{.*?\}\}", "X", script)
        subprocess.run(["bash", "-n"], input=plain.encode(), check=True)


def test_it_installs_sluice_from_where_its_user_has_it(workflow: dict[str, Any]) -> None:
    """The address is a placeholder that nobody owns, so that a copy without an edit fails and installs nothing."""
    (job,) = workflow["jobs"].values()
    assert scripts(workflow)["Install Sluice"] == 'pip install "sluice @ $INSTALL_FROM"'
    assert re.fullmatch(r"git\+https://[\w.]+\.example\.com/\S+@[A-Z]+", job["env"]["INSTALL_FROM"])


def test_a_comment_is_found_again_by_its_first_line(workflow: dict[str, Any]) -> None:
    assert MARK in scripts(workflow)["Say so"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout of policies with an edit, and what they were beside it."""
    write_policies(tmp_path / "temp" / "before" / "policies")
    shutil.copytree(tmp_path / "temp" / "before" / "policies", tmp_path / "policies")
    weapons = tmp_path / "policies" / "weapons.yaml"
    samples = ROOT / "policies" / "samples" / "kitchen-knife-01.jpg"
    (tmp_path / "policies" / "samples").mkdir()
    shutil.copy(samples, tmp_path / "policies" / "samples")
    text = weapons.read_text().replace("label: 0.02", "label: 0.0").replace("a gun", "a rifle")
    weapons.write_text(text + "tests:\n  must_flag: [samples/kitchen-knife-01.jpg]\n")
    return tmp_path


def test_its_commands_run_on_a_repository_of_policies(workflow: dict[str, Any], repository: Path) -> None:
    """As the steps give them, with the command that is under test for the one that is installed."""
    commands = repository / "bin"
    commands.mkdir()
    env = child_env({"PYTHONPATH": str(ROOT), "SLUICE_MODEL": make_tiny_model(repository / "model")})
    env |= {"PATH": f"{commands}:{os.environ['PATH']}", "RUNNER_TEMP": str(repository / "temp")}
    env |= {"SLUICE_ARCHIVE_AT": "", "SLUICE_DTYPE": "float32", "OMP_NUM_THREADS": "1"}
    with sluice_in(commands):
        for script in scripts(workflow).values():
            if "sluice policy" in script and "gh api" not in script:
                bash = ["bash", "-eo", "pipefail", "-c", script]
                done = subprocess.run(bash, cwd=repository, env=env, capture_output=True, check=False)
                assert done.returncode == 0, done.stderr.decode()
    told = (repository / "comment.md").read_text()
    assert told.startswith(MARK)
    assert "- label: 0.02 → 0, so it is taken more often" in told
    assert "- prompts: added `a rifle`" in told
    assert (repository / "report.xml").is_file()
