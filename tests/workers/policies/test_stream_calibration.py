"""``policy calibrate --archive``: thresholds from reviews of the stream, and what such reviews cannot tell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.errors import UsageError
from tests.e2e.tiny_model import make_tiny_model
from tests.workers.policies.stream import Stream, keep_reviews, make_stream, review
from workers.cli import app

ASKED = ("--precision", "review=0.85", "--precision", "block=0.95")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    folder = tmp_path_factory.mktemp("stream")
    return make_stream(folder, make_tiny_model(folder / "model"))


@pytest.fixture
def reviewed(stream: Stream, tmp_path: Path) -> Callable[[Callable[[float], float]], Path]:
    """A CSV file of honest reviews: an image is chosen by its score, with the chance that a function gives."""

    def write(chance: Callable[[float], float]) -> Path:
        lines = ["image_id,policy,label,inclusion_probability"]
        of = review(stream, chance)
        lines += [f"{each.image_id},{each.policy},{each.label},{each.inclusion_probability}" for each in of]
        path = tmp_path / "reviews.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def calibrate(stream: Stream, *words: object) -> Any:
    arguments = ["policy", "calibrate", str(stream.policies), *stream.options, *map(str, words)]
    return CliRunner().invoke(app, arguments, standalone_mode=False)


def weapons(shown: Any) -> dict[str, Any]:
    (found,) = (each for each in json.loads(shown.stdout)["policies"] if each["policy"] == "weapons")
    return dict(found)


def within(value: float, estimate: dict[str, float]) -> bool:
    return estimate["low"] <= value <= estimate["high"]


def test_unequal_chances_are_made_up_for_and_the_stream_is_told_of(
    stream: Stream, reviewed: Callable[[Callable[[float], float]], Path]
) -> None:
    """Half of what was flagged was looked at and a twentieth of all else: precision and recall are the stream's."""
    labels = reviewed(lambda score: 0.5 if score >= 0.15 else 0.05)
    before = (stream.policies / "weapons.yaml").read_bytes()
    shown = calibrate(stream, "--labels", labels, *ASKED, "--json")
    assert shown.return_value == 0, shown.output
    found, told = weapons(shown), json.loads(shown.stdout)
    assert told["stream"] == len(stream.scores)
    assert found["reviews"]["missing"] == 0
    for action in found["actions"]:
        least = action["threshold"]
        flagged = [image for image, score in stream.scores.items() if score >= least]
        right = sum(image in stream.knives for image in flagged)
        assert within(right / len(flagged), action["precision"])
        assert within(right / len(stream.knives), action["recall"])
        assert action["flagged_per_million"] == pytest.approx(len(flagged) / len(stream.scores) * 1e6)
    assert (stream.policies / "weapons.yaml").read_bytes() == before


def test_where_nobody_looked_below_the_threshold_recall_cannot_be_told_and_no_threshold_goes_there(
    stream: Stream, reviewed: Callable[[Callable[[float], float]], Path]
) -> None:
    labels = reviewed(lambda score: 1.0 if score >= 0.15 else 0.0)
    found = weapons(calibrate(stream, "--labels", labels, *ASKED, "--json"))
    review, block = found["actions"][1:]
    assert (review["recall"]["value"], found["average_precision"], found["curve"]) == (None, None, [])
    assert 0.15 <= review["threshold"] <= block["threshold"]
    assert review["precision"]["value"] >= 0.85
    assert any("recall cannot be told" in note for note in review["notes"])

    shown = calibrate(stream, "--labels", labels, *ASKED)
    assert "of 3,000 in the archive, scored by" in shown.stdout.replace("\n", " ")
    assert "recall cannot be told" in shown.stdout

    budget = calibrate(stream, "--labels", labels, "--false-positives", "label=500")
    assert budget.return_value == 1
    assert "500 false positives per million cannot be told: of" in budget.stdout


def test_reviews_without_their_chances_do_not_pass_for_the_stream(
    stream: Stream, reviewed: Callable[[Callable[[float], float]], Path]
) -> None:
    """The same sample, whose file does not say that it is one: what is below was hardly looked at."""
    labels = reviewed(lambda score: 0.5 if score >= 0.15 else 0.05)
    rows = [line.rsplit(",", 1)[0] for line in labels.read_text().splitlines()]
    labels.write_text("\n".join(rows) + "\n")
    shown = calibrate(stream, "--labels", labels, *ASKED)
    assert shown.return_value == 1
    assert "precision 0.85 cannot be told: of" in shown.stdout


def test_it_is_written_back_as_ever(
    stream: Stream, reviewed: Callable[[Callable[[float], float]], Path], tmp_path: Path
) -> None:
    labels = reviewed(lambda score: 0.5 if score >= 0.15 else 0.05)
    folder = tmp_path / "policies"
    folder.mkdir()
    for path in stream.policies.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    arguments = ["policy", "calibrate", str(folder), *stream.options, "--labels", str(labels), *ASKED, "--write"]
    shown = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert "Written: weapons.yaml" in shown.stdout
    assert "calibrated:" in (folder / "weapons.yaml").read_text()


def test_reviews_that_the_archive_keeps_count_as_those_of_a_file_do(
    tmp_path: Path, stream: Stream, reviewed: Callable[[Callable[[float], float]], Path]
) -> None:
    def chance(score: float) -> float:
        return 0.5 if score >= 0.15 else 0.05

    none = calibrate(stream, "--reviews", "--precision", "0.9")
    assert "keeps no reviews yet" in str(none.exception)
    copied = replace(stream, archive=tmp_path / "archive")
    shutil.copytree(stream.archive, copied.archive)
    keep_reviews(copied, review(stream, chance))
    of_file = weapons(calibrate(stream, "--labels", reviewed(chance), *ASKED, "--json"))
    assert weapons(calibrate(copied, "--reviews", *ASKED, "--json")) == of_file


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "whose word counts? say --reviews for those that the archive keeps, or --labels FILE.csv"),
        (("--labels", "x.csv", "--reviews"), "whose word counts?"),
        (("--labels", "x.csv", "--emoji"), "name one thing to calibrate on"),
        (("--labels", "x.csv", "--prevalence", "0.1"), "--prevalence is for labelled images"),
        (("--labels", "x.csv"), "x.csv: cannot be read"),
        (("--labels", "x.csv", "--since", "1h"), "has no rows"),
        (("--labels", "x.csv", "--since", "soon"), "--since: 'soon' is no time"),
    ],
)
def test_a_slip_is_one_line(stream: Stream, words: tuple[str, ...], says: str) -> None:
    shown = calibrate(stream, "--precision", "0.9", *words)
    assert isinstance(shown.exception, UsageError)
    assert says in str(shown.exception)


def test_images_that_are_not_there_are_a_slip(stream: Stream, tmp_path: Path) -> None:
    labels = tmp_path / "reviews.csv"
    labels.write_text("image_id,policy,label\nelsewhere,weapons,yes\n")
    shown = calibrate(stream, "--precision", "0.9", "--labels", labels)
    assert "3,000 images were looked through, and none of 1 reviewed images is among them" in str(shown.exception)
