"""``sluice policy suggest``: a look-alike is planted, and named; where nothing helps, that is said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import UsageError
from pipeline.lab.data.extract import extract
from pipeline.lab.scenes.lexicon import index_of
from pipeline.lab.scenes.scene_set import emoji_scenes
from pipeline.ports import Hooks
from pipeline.rules.archive.remembered import remembered
from pipeline.signals import Signals
from tests.archive.made import decision, keep
from workers import assembly
from workers.cli import app
from workers.policies import vocabulary
from workers.settings import SHIPPED_POLICIES, load_settings

POLICY = """\
title: Knives
prompts:
  - a kitchen knife
  - a knife
actions: {review: 0.1}
"""
KNIVES, CUTLERY = "kitchen knife", "fork and knife"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy on knives that says nothing of cutlery, and an archive of scenes of both and of balls."""
    root = tmp_path_factory.mktemp("suggest")
    policies = root / "policies"
    policies.mkdir()
    (policies / "knives.yaml").write_text(POLICY)
    lines = (SHIPPED_POLICIES / "_background.txt").read_text().splitlines()
    kept = [line for line in lines if not {"fork", "knife"} & set(line.split())]
    (policies / "_background.txt").write_text("\n".join(kept))
    (policies / "_defaults.yaml").write_text("background: _background.txt\n")
    settings = load_settings({"policies": policies})
    model = assembly.load_model(settings, one_caller=True)
    made = []
    for name in (KNIVES, CUTLERY, "balloon"):
        scenes = emoji_scenes(30, 2**43 + index_of(name), things=[index_of(name)])
        extracted = extract(scenes, model.decoder, model.encoder, threads=1, progress=lambda _: None)
        images: Iterator[Signals] = (each for chunk in extracted.chunks(64) for each in chunk.signals)
        made += list(images)
    records = [remembered(decision(number, signals), signals) for number, signals in enumerate(made)]
    keep(FolderStore(root / "archive"), records)
    return root


@pytest.fixture(autouse=True)
def few_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the phrases that ship, which take a model seconds, only some."""
    monkeypatch.setattr(vocabulary, "phrases", lambda: ("a red balloon", "chopsticks", "a fork and knife"))


def reviews(folder: Path, numbers: Sequence[int], yes: range = range(30)) -> Path:
    """What a person says of these, of which the first thirty show a knife."""
    path = folder / "reviews.csv"
    rows = [f"image-{number},knives,{'yes' if number in yes else 'no'}" for number in numbers]
    path.write_text("\n".join(["image_id,policy,label", *rows]) + "\n")
    return path


def run(folder: Path, *words: str | Path) -> Result:
    flags = ["--archive", str(folder / "archive"), "--policies", str(folder / "policies"), "--log-level", "error"]
    return CliRunner().invoke(app, ["policy", "suggest", *map(str, words), *flags], standalone_mode=False)


def test_a_planted_look_alike_is_named_and_fresh_scenes_are_judged_better(folder: Path) -> None:
    """Reviewed are twenty of each; what was not reviewed is judged by the file that is written."""
    words = folder / "words.txt"
    words.write_text("a plate of food\nspoon\na dog\na house\na sword\n")
    numbers = [*range(20), *range(30, 50), *range(60, 80)]
    labels = ("--labels", reviews(folder, numbers), "--vocabulary", words)
    shown = run(folder, "knives", *labels, "--json")
    assert shown.exception is None
    found = json.loads(shown.stdout)
    assert any(each["key"] == "unless" and "fork" in each["text"] for each in found["lines"][:3])
    assert found["together"]["precision"]["value"] > found["together"]["precision_before"]["value"]
    assert found["together"]["archive"]["let_go"] > found["together"]["archive"]["new"]
    assert 18 <= found["reviews"]["aside"] <= 20  # scenes that are nearly the same stay together
    assert found["together"]["aside"]["precision"]["value"] > found["together"]["aside"]["precision_before"]["value"]
    before = (folder / "policies" / "knives.yaml").read_bytes()
    try:
        assert "Written: knives.yaml" in run(folder, "knives", *labels, "--write").stdout
        text = (folder / "policies" / "knives.yaml").read_text()
        assert text.startswith("title: Knives\nprompts:\n  - a kitchen")
        assert re.search(r"  # by `sluice policy suggest`: precision .* it was chosen by, .* others\n  - ", text)
        after = _precision(folder)
    finally:
        (folder / "policies" / "knives.yaml").write_bytes(before)
    assert after > _precision(folder)


def _precision(folder: Path) -> float:
    """Of scenes that were not reviewed, by the policy as it is written."""
    settings = load_settings({"policies": folder / "policies"})
    judge = assembly.judge(settings, assembly.load_model(settings, one_caller=True), Hooks())
    from pipeline.archive.archive import SIGNALS, Archive

    (block,) = Archive(FolderStore(folder / "archive")).blocks(
        Archive(FolderStore(folder / "archive")).segments(), SIGNALS
    )
    fresh = [*range(20, 30), *range(50, 60)]
    flagged = np.array(judge.live().look(block.signals(fresh)).scores[:, 0] >= 0.1)
    return float(flagged[:10].sum() / max(1, flagged.sum()))


def test_what_is_missed_is_found_by_a_line_of_the_background_that_names_it(folder: Path) -> None:
    """People say that it should be of balloons."""
    path = reviews(folder, [*range(20), *range(60, 80)], yes=range(60, 90))
    found = json.loads(run(folder, "knives", "--labels", path, "--json").stdout)
    assert any(each["key"] == "prompts" and "balloon" in each["text"] for each in found["lines"][:3])
    assert found["together"]["recall"]["value"] > found["together"]["recall_before"]["value"]


def test_where_nothing_helps_it_says_so(folder: Path) -> None:
    shown = run(folder, "knives", "--labels", reviews(folder, [*range(20), *range(60, 80)]))
    assert (shown.return_value, shown.exception) == (1, None)
    assert shown.stdout.endswith("None of the lines that were tried helps: the file stays as it is.\n")


@pytest.mark.parametrize(
    ("policy", "numbers", "says"),
    [
        ("knifes", [1, 40], "no active policy is called 'knifes'; there are knives"),
        ("knifes", [1, 40], "; did you mean 'knives'?"),
        ("knives", [1, 2], "all 2 reviews of knives say yes: a line is told from another"),
        ("knives", [900], "none of 1 reviewed images is in it"),
    ],
)
def test_what_cannot_be_told_is_one_line(folder: Path, policy: str, numbers: list[int], says: str) -> None:
    shown = run(folder, policy, "--labels", reviews(folder, numbers))
    assert isinstance(shown.exception, UsageError)
    assert says in str(shown.exception)


def test_what_lint_would_call_the_same_as_another_line_is_not_proposed(folder: Path) -> None:
    """The best lines say what another policy says, or what the policy says itself, in nearly the same words."""
    words = folder / "same.txt"
    words.write_text("balloon\na balloon\nthe balloon\na red balloon\nred balloon\nballoons\n")
    path = reviews(folder, [*range(20), *range(60, 80)], yes=range(60, 90))
    own, other = folder / "policies" / "knives.yaml", folder / "policies" / "balloons.yaml"
    before = own.read_bytes()
    other.write_text("title: Balloons\nprompts: [a red balloon]\nactions: {review: 0.5}\n")
    try:
        assert run(folder, "knives", "--labels", path, "--vocabulary", words, "--write").exception is None
        flags = ["--policies", str(folder / "policies"), "--log-level", "error", "--json"]
        told = CliRunner().invoke(app, ["policy", "lint", *flags], standalone_mode=False).stdout
        assert {each["rule"] for each in json.loads(told)["findings"]}.isdisjoint({"duplicate", "two-policies"}), told
    finally:
        own.write_bytes(before)
        other.unlink()
