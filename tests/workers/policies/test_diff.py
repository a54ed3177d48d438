"""``sluice policy diff``: what an edit does to the files and to the archived stream, and whether that is too much."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.errors import PolicyError, UsageError
from tests.e2e.tiny_model import make_tiny_model
from tests.workers.policies.stream import Stream, make_stream
from workers.cli import app

Edited = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    folder = tmp_path_factory.mktemp("stream")
    return make_stream(folder, make_tiny_model(folder / "model"))


@pytest.fixture
def edited(stream: Stream, tmp_path: Path) -> Edited:
    """A copy of the folder in which the policy on weapons says something else."""

    def edit(old: str, new: str) -> Path:
        folder = tmp_path / "new"
        shutil.copytree(stream.policies, folder)
        path = folder / "weapons.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        return folder

    return edit


def diff(*words: object) -> Any:
    return CliRunner().invoke(app, ["policy", "diff", *map(str, words)], standalone_mode=False)


def test_it_counts_what_is_new_and_let_go_as_the_scores_say(stream: Stream, edited: Edited) -> None:
    new = edited("label: 0.02", "label: 0.1")
    shown = diff(stream.policies, new, *stream.options, "--json")
    told = json.loads(shown.stdout)
    (weapons,) = (each for each in told["backtest"]["policies"] if each["policy"] == "weapons")
    gone = sum(0.02 <= score < 0.1 for score in stream.scores.values())
    assert gone > 0
    assert (weapons["new"], weapons["let_go"]) == (0, gone)
    assert [each["id"] for each in told["changed"]] == ["weapons"]
    text = diff(stream.policies, new, *stream.options).stdout
    assert f"| `weapons` | 0 | {gone:,} |" in text


@pytest.mark.parametrize(
    ("limits", "status"), [((), 0), (("--max-let-go", "0"), 1), (("--max-let-go", "100%", "--max-new", "0"), 0)]
)
def test_its_status_holds_a_pull_request_back(
    stream: Stream, edited: Edited, limits: tuple[str, ...], status: int
) -> None:
    shown = diff(stream.policies, edited("label: 0.02", "label: 0.1"), *stream.options, *limits)
    assert shown.return_value == status
    assert ("**Too much:** " in shown.stdout) == (status == 1)


def test_what_changes_no_decision_loads_no_model(stream: Stream, edited: Edited) -> None:
    new = edited("title: Weapons", "title: Arms")
    words = ("--archive", stream.archive, "--model", "local-dir:/nowhere", "--max-new", "0")
    shown = diff(stream.policies, new, *words)
    assert shown.return_value == 0
    assert "No decision changes" in shown.stdout
    assert "- title: added `Arms`" in shown.stdout


def test_without_an_archive_a_limit_is_a_slip_and_the_files_are_compared(stream: Stream, edited: Edited) -> None:
    new = edited("a gun", "a rifle")
    shown = diff(stream.policies, new)
    assert "- prompts: removed `a gun`\n- prompts: added `a rifle`" in shown.stdout
    refused = diff(stream.policies, new, "--max-new", "1%")
    assert isinstance(refused.exception, UsageError)
    assert "--max-new and --max-let-go take an archive" in str(refused.exception)


def test_policies_that_do_not_hold_are_named_with_their_line(stream: Stream, edited: Edited) -> None:
    shown = diff(stream.policies, edited("prompts:", "promts:"))
    assert isinstance(shown.exception, PolicyError)
    assert "weapons.yaml:3" in str(shown.exception)
