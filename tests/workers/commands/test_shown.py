"""Policies that show what they mean, through the commands: an archive's decisions outlive the example pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.local import neutral_pictures as neutral
from tests.images import encoded, flat
from workers.cli import app

POLICY = """\
title: Red
prompts: [a vape]
actions: {review: 0.9}
examples:
  match: [examples/*.png]
"""


def draw(file: Path, *colour: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encoded(flat(colour)))


@pytest.fixture(scope="module", autouse=True)
def blue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What examples are told apart from: neutral pictures that are blue, all of them."""
    folder = tmp_path_factory.mktemp("neutral")
    for shade in range(20):
        draw(folder / f"{shade:02}.png", 0, 2 * shade, 250)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neutral, "SHIPPED_SAMPLES", folder)
        neutral.neutral_pictures.cache_clear()
        yield
    neutral.neutral_pictures.cache_clear()


@pytest.fixture(scope="module")
def options(judged_by: Callable[[float], list[str]]) -> list[str]:
    made = judged_by(1.0)
    folder = Path(made[-1])
    (folder / "anything.yaml").write_text(POLICY)
    for shade in (0, 8, 16, 24):
        draw(folder / f"examples/red-{shade}.png", 250, shade, shade)
    return made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    draw(folder / "blue.png", 0, 21, 250)
    draw(folder / "red.png", 250, 12, 4)
    return folder


def run(*words: object, status: int = 0) -> Any:
    done = CliRunner().invoke(app, [*map(str, words)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert done.return_value == status, done.output
    return done


def test_an_explanation_names_the_example_that_decided(options: list[str], pictures: Path) -> None:
    [why] = json.loads(run("explain", pictures / "red.png", *options, "--no-map", "--json").stdout)["policies"]
    assert why["decided_by"] == "examples"
    [text, shown] = why["heads"]
    assert (text["head"], shown["head"]) == ("prompts", "examples")
    assert text["score"] < 0.9 <= shown["score"] == why["score"]
    assert shown["says"].startswith("like 'examples/red-")
    said = run("explain", pictures / "red.png", *options, "--no-map").stdout
    assert "examples (decides) like 'examples/red-" in said


def test_a_check_says_how_many_examples_there_are_and_with_the_model_what_they_come_to(options: list[str]) -> None:
    check = "policy", "check", *options
    assert "    examples: 4 that match" in run(*check).stdout.splitlines()
    [line] = [line for line in run(*check, "--examples").stdout.splitlines() if "examples:" in line]
    found = "each left out in turn, 4 are found (95%: at least 51%), by the text alone 0"
    assert line == f"    examples: 4 that match; {found}; used"
    [policy] = json.loads(run(*check, "--examples", "--json").stdout)["policies"]
    assert (policy["examples"]["match"], policy["examples"]["found"], policy["examples"]["used"]) == (4, 4, True)


def test_what_examples_decided_is_decided_again_without_the_pictures(
    options: list[str], pictures: Path, tmp_path: Path
) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "policies"
    shutil.copytree(options[-1], folder)
    options = [*options[:-1], str(folder)]
    said = run("scan", pictures, *options, "--json", "--archive", archive, status=1).stdout.splitlines()
    assert [each["verdict"] for each in map(json.loads, said)] == ["allow", "review"]
    gates = ("--max-new", 0, "--max-let-go", 0)
    backtest = ("backtest", folder, *options[:-2], "--archive", archive, *gates, "--json")
    run(*backtest)
    shutil.rmtree(folder / "examples")
    before = tmp_path / "decisions.jsonl"
    before.write_text("\n".join(said))
    server = ("--bootstrap-servers", "127.0.0.1:1")
    again = run("replay", before, *options, "--archive", archive, "--json", *server).stdout
    assert [json.loads(line)["outcome"] for line in again.splitlines()] == ["identical"] * 2
    for shade in (0, 8, 16, 24):
        draw(folder / f"examples/green-{shade}.png", shade, 250, shade)
    (folder / "known.csv").write_text(f"kind,hash\npdq,{'a' * 64}\n")
    (folder / "anything.yaml").write_text(f"{POLICY}lists: {{block: [known.csv]}}\n")
    done = run(*backtest, status=1)
    assert "PDQ hashes of lists have no part in this" in done.stderr
    assert "anything has 1" in done.stderr
    [changed] = json.loads(done.stdout)["policies"]
    assert (changed["new"], changed["let_go"]) == (0, 1)
    assert changed["let_go_images"][0]["image_id"].endswith("red.png")
