"""``sluice policy lint`` by the bundled model: what it says of known and unknown words, and how it ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import PolicyError
from workers.cli import app
from workers.policies import lint as made

SHIPPED = Path(__file__).parents[3] / "policies"
WORDS = MemoryTextCache()


@pytest.fixture(autouse=True)
def words_of_earlier_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The features of sentences are kept from run to run: encoding a background takes seconds on busy cores."""
    monkeypatch.setattr(made, "MemoryTextCache", lambda: WORDS)


def lint(*words: str) -> Result:
    return CliRunner().invoke(app, ["policy", "lint", *words], standalone_mode=False)


def test_the_shipped_policies_are_clean() -> None:
    done = lint(str(SHIPPED))
    assert done.return_value == 0
    assert all(line.startswith("note: ") for line in done.stdout.splitlines())


def test_wordings_that_fail_are_told_and_one_that_works_is_not(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "samples" / "cigarette-01.jpg", tmp_path)
    prompts = ["a cigarette", "tobacco", "a weapon", "something dangerous", "vaping", "smoking without a cigarette"]
    lines = ["title: Smoking", "prompts:", *(f"  - {each}" for each in prompts), "actions: {review: 0.5}"]
    lines += ["tests:", "  must_flag: [cigarette-01.jpg]"]
    (tmp_path / "smoking.yaml").write_text("\n".join([*lines, ""]))
    done = lint(str(tmp_path), "--json")
    assert done.return_value == 1
    said = json.loads(done.stdout)
    assert said["pictures"] == 1
    assert {each["line"] for each in said["findings"]} == {4, 5, 6, 7, 8}
    assert all(
        each["file"].endswith("smoking.yaml") and each["reason"] and each["remedy"] for each in said["findings"]
    )


def test_a_folder_that_does_not_hold_is_named_before_a_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("title: No prompts\n")
    done = lint(str(tmp_path), "--model", "no-such-model")
    assert isinstance(done.exception, PolicyError)
    assert "'prompts' is missing" in str(done.exception)


def test_rules_are_listed_without_a_folder() -> None:
    done = lint("--list", "--policies", "nowhere")
    assert done.return_value == 0
    assert "unknown-words" in done.stdout
