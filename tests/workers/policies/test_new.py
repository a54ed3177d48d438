"""``sluice policy new``: what it writes, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.lab.lint.knowing import PICTURES
from pipeline.lab.lint.unknown import LEAST_NEARNESS
from workers.cli import app

SAMPLES = Path(__file__).parents[3] / "policies" / "samples"


def made(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["policy", "new", *words, "--policies", str(folder)], standalone_mode=False)


def test_a_policy_is_written_in_shadow_mode_with_its_samples_and_looked_at(tmp_path: Path) -> None:
    for name in ("cigarette-01.jpg", "candle-01.jpg"):
        shutil.copy(SAMPLES / name, tmp_path)
    pictures = ["--match", str(tmp_path / "cigarette-01.jpg"), "--not", str(tmp_path / "candle-01.jpg")]
    done = made(tmp_path, "smoking", "a cigarette", "vaping", *pictures)
    assert done.return_value == 0, done.exception
    assert "the model does not seem to know 'vaping'" in done.stdout
    assert "'a cigarette'," not in done.stdout, "the model knows it"
    (policy,) = policies_in(tmp_path).policies
    assert (policy.id, policy.mode, policy.prompts) == ("smoking", "shadow", ("a cigarette", "vaping"))
    assert (policy.must_flag, policy.must_pass) == (("cigarette-01.jpg",), ("candle-01.jpg",))
    assert policy.calibrated is None
    text = (tmp_path / "smoking.yaml").read_text()
    assert "of 1 picture that must not match" in text
    assert "1 of 1 picture that must match reached it" in text


def test_how_well_the_model_knows_each_wording_is_told_and_what_it_knows_better(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "cigarette-01.jpg", tmp_path)
    picture = str(tmp_path / "cigarette-01.jpg")
    done = made(tmp_path, "smoking", "a cigarette", "an electronic cigarette", "--match", picture, "--json")
    assert done.return_value == 0, done.exception
    said = json.loads(done.stdout)
    own = {each["words"]: each for each in said["wordings"] if each["instead_of"] is None}
    suggested = [each for each in said["wordings"] if each["instead_of"] is not None]
    assert [each["known"] for each in own.values()] == [True, False]
    assert "cigarette" in own["a cigarette"]["nearest"]
    assert {each["instead_of"] for each in suggested} == {"an electronic cigarette", PICTURES}
    assert all(each["known"] == (each["nearness"] >= LEAST_NEARNESS) for each in said["wordings"])
    assert len({each["words"] for each in said["wordings"]}) == len(said["wordings"]), "nothing is suggested twice"
    assert [each["rule"] for each in said["findings"]] == ["unknown-words"]
    assert said["written"] == str(tmp_path / "smoking.yaml")
    assert policies_in(tmp_path).policies[0].actions == {"review": said["threshold"]}


def test_who_begins_with_nothing_is_told_to_make_a_folder(tmp_path: Path) -> None:
    done = made(tmp_path / "policies", "dogs", "a dog")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).endswith(
        "no such folder; make it, empty, or name that of your policies with --policies"
    )


@pytest.mark.parametrize(
    "name", ["../up", "_x", "sub/spiders", "sub\\x", "/tmp/x", "-x", "x.yaml", ".x", "", "x" * 300]
)
def test_a_name_that_can_be_no_policys_id_makes_no_file_anywhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "policies"
    (folder / "sub").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(
        app, ["policy", "new", "--policies", str(folder), "--", name, "a spider"], standalone_mode=False
    )
    assert isinstance(done.exception, UsageError)
    (said,) = str(done.exception).splitlines()
    assert "a policy id of 300 characters" in said or "may hold only a-z, 0-9, - and _" in said
    assert "begins with a letter or a digit" in said or name not in {"_x", "-x"}
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["Big Dogs", "a dog"], "may hold only a-z"),
        (["none", "a dog"], "labelled images that show no policy are called 'none'; give another name"),
        (["dogs", "a dog", "a dog"], "stands in prompts already"),
        (["cats", "a cat"], "is there already; name another"),
        (["dogs", "a dog", "--match", "no-such.jpg"], "is no picture"),
        (["dogs", "a dog", "--match", __file__], "not_an_image"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_changes_nothing(
    tmp_path: Path, words: list[str], reason: str
) -> None:
    (tmp_path / "cats.yaml").write_text("title: Cats\nprompts: [a cat]\nactions: {review: 0.5}\n")
    done = made(tmp_path, *words)
    assert isinstance(done.exception, UsageError)
    assert reason in str(done.exception)
    assert [each.name for each in tmp_path.iterdir()] == ["cats.yaml"]
