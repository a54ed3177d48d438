"""``sluice policy lint`` by the bundled model: what it says of known and unknown words, and how it ends."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import PolicyError, UsageError
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import extract
from pipeline.rules.archive.remembered import as_kept, remembered
from tests.archive.made import decision, keep
from workers import assembly
from workers.assembly import Model
from workers.cli import app
from workers.settings import Settings

SHIPPED = Path(__file__).parents[3] / "policies"


@pytest.fixture(scope="module")
def model() -> Model:
    torch.set_num_threads(1)
    settings = Settings(decode_in="threads", cores=1, dtype="float32", device="cpu")
    return assembly.load_model(settings, one_caller=True)


@pytest.fixture
def model_of_earlier_runs(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is kept from run to run."""
    monkeypatch.setattr(assembly, "load_model", lambda *_args, **_how: model)


def lint(*words: str) -> Result:
    return CliRunner().invoke(app, ["policy", "lint", *words], standalone_mode=False)


@pytest.mark.usefixtures("model_of_earlier_runs")
def test_the_shipped_policies_are_clean() -> None:
    done = lint(str(SHIPPED))
    assert done.return_value == 0
    assert all(line.startswith("note: ") for line in done.stdout.splitlines())


@pytest.mark.usefixtures("model_of_earlier_runs")
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


@pytest.mark.usefixtures("model_of_earlier_runs")
def test_an_archive_says_what_the_pictures_it_keeps_would_say(model: Model, tmp_path: Path) -> None:
    """A policy that flags knives alone has a prompt that wins none of them, and one flags nothing."""
    names, pictures = [f"kitchen-knife-0{number}.jpg" for number in (1, 2, 3)], tmp_path / "pictures"
    pictures.mkdir()
    for number in range(36):
        shutil.copy(SHIPPED / "samples" / names[number % 3], pictures / f"{number:02}.jpg")
    found = extract(
        Dataset("knives", [Example(name, (SHIPPED / "samples" / name).read_bytes) for name in names], ()),
        model.decoder,
        model.encoder,
        threads=1,
    )
    signals = [replace(each, features=as_kept(each.features)) for each in found.signals]
    keep(
        FolderStore(tmp_path / "archive"),
        [remembered(decision(n, signals[n % 3]), signals[n % 3]) for n in range(36)],
    )
    policies = tmp_path / "policies"
    policies.mkdir()
    text = "title: K\nprompts:\n  - a kitchen knife\n  - a violin\nunless: [a balloon]\nactions: {review: 0.25}\n"
    (policies / "knives.yaml").write_text(text)
    said = []
    for where in (("--on", str(pictures)), ("--archive", str(tmp_path / "archive"))):
        done = lint(str(policies), *where, "--json")
        assert done.return_value == 0, done.exception
        record = json.loads(done.stdout)
        assert record["stream"] == 36
        said.append([(each["rule"], each["line"]) for each in record["findings"]])
        assert "among 36 pictures of" in record["findings"][0]["reason"]
    assert said[0] == said[1] == [("wins-nothing", 4), ("idle-unless", 5)]


def test_both_a_folder_and_an_archive_are_too_much() -> None:
    done = lint(str(SHIPPED), "--on", str(SHIPPED), "--archive", "somewhere")
    assert isinstance(done.exception, UsageError)
    assert "say one" in str(done.exception)


def test_a_folder_that_does_not_hold_is_named_before_a_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("title: No prompts\n")
    done = lint(str(tmp_path), "--model", "no-such-model")
    assert isinstance(done.exception, PolicyError)
    assert "'prompts' is missing" in str(done.exception)


def test_rules_are_listed_without_a_folder() -> None:
    done = lint("--list", "--policies", "nowhere")
    assert done.return_value == 0
    assert "unknown-words" in done.stdout
