"""``sluice explain`` of pictures: the scores of a scan, a map that lies in the picture, one line of what is wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.errors import UsageError
from tests.e2e.pictures import picture
from tests.e2e.policies_under_test import policy
from workers.cli import app

Options = list[str]


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [*map(str, words)], standalone_mode=False)


def explain(*words: object) -> Any:
    done = run("explain", *words)
    if done.exception is not None:
        raise done.exception
    assert done.return_value == 0
    return done


@pytest.fixture(scope="module")
def options(judged_by: Callable[[float], Options]) -> Options:
    """Two policies, of which one flags everything."""
    made = judged_by(0.0)
    folder = Path(made[-1])
    (folder / "nothing.yaml").write_text(policy("Nothing", ["a cat on a mat"], {"review": 1.0}))
    (folder / "asleep.yaml").write_text(policy("Asleep", ["a dog"], {"review": 0.5}, mode="off"))
    return made


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pictures") / "one.jpg"
    file.write_bytes(picture(1))
    return file


def test_a_picture_is_explained_by_the_scores_that_a_scan_gives_it(
    options: Options, image: Path, tmp_path: Path
) -> None:
    heatmap, html = tmp_path / "map.png", tmp_path / "page.html"
    told = json.loads(explain(image, *options, "--json", "--heatmap", heatmap, "--html", html).stdout)
    scanned = json.loads(run("scan", image, *options, "--json").stdout)
    for name in ("verdict", "scores", "policy_set", "model", "preprocess"):
        assert told[name] == scanned[name]
    [why] = told["policies"]
    [match] = scanned["matches"]
    assert (why["policy"], why["score"]) == ("anything", match["score"])
    assert why["heads"][0]["evidence"] == match["evidence"]
    heat = why["heat"]
    assert told["passes"] == 52 + 96 + 2 * 9
    assert all(0 <= edge <= 1 for edge in (*heat["box"], *heat["peak"]))
    assert {each["filled"] for each in heat["without"]} == {"blurred", "surroundings"}
    with Image.open(heatmap) as drawn:
        assert (drawn.format, max(drawn.size)) == ("PNG", 512)
    page = html.read_text()
    assert page.count("class=veil") == 3
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "anything" in page


def test_a_policy_that_did_not_match_is_explained_when_it_is_asked_for(options: Options, image: Path) -> None:
    shown = explain(image, *options, "--policy", "nothing", "--no-map").stdout
    assert re.search(r"^nothing  \d\.\d+ leads to allow: \d\.\d+ below review \(1\)", shown, re.MULTILINE)
    assert "a cat on a mat" in shown
    assert "It comes from" not in shown
    assert "\x1b" not in shown


def test_what_a_list_decides_is_told_to_be_the_lists_and_the_map_to_be_the_views(
    options: Options, image: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "listed"
    shutil.copytree(options[-1], folder)
    row = f"sha256,{sha256(image.read_bytes()).hexdigest()},,seen before,"
    for name, side, least in (("known", "block", 0.9), ("fine", "allow", 1e-6)):
        (folder / f"{name}.csv").write_text(f"kind,hash,action,note,expires\n{row}\n")
        listed = f"lists:\n  {side}: [{name}.csv]\n"
        (folder / f"{name}.yaml").write_text(policy(name, ["a cat on a mat"], {"review": least}) + listed)
    given = [*options[:-1], folder, "--policy", "known", "--policy", "fine"]
    known, fine = json.loads(explain(image, *given, "--json", "--no-map").stdout)["policies"]
    assert (known["decided_by"], known["score"], known["action"]) == ("lists", 1, "review")
    assert {head["head"] for head in known["heads"]} == {"prompts", "lists"}
    assert known["views"][0]["score"] < 0.9
    assert (fine["decided_by"], fine["score"]) == ("lists", 0)
    assert "The head lists decides, and no view" in explain(image, *given[:-2]).stdout


def test_a_picture_of_another_kind_than_rgb_and_square_has_its_map(options: Options, tmp_path: Path) -> None:
    """Of a picture four times as long as high, and transparent, the view that decided is one of several."""
    file = tmp_path / "strip.png"
    out = BytesIO()
    strip = Image.open(BytesIO(picture(2))).convert("RGBA").resize((240, 60))
    strip.putalpha(Image.linear_gradient("L").resize(strip.size))
    strip.save(out, "PNG")
    file.write_bytes(out.getvalue())
    [why] = json.loads(explain(file, *options, "--json").stdout)["policies"]
    assert len(why["views"]) > 2
    assert max(each["score"] for each in why["views"]) == pytest.approx(why["score"], abs=2e-6)
    left, top, right, bottom = why["view"]["box"]
    assert left <= why["heat"]["peak"][0] <= right
    assert top <= why["heat"]["peak"][1] <= bottom


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{image}", "--policy", "anithing"], "did you mean 'anything'?"),
        (["{image}", "--policy", "asleep"], "is off, so nothing is scored by it"),
        (["{image}", "--no-map", "--heatmap", "x.png"], "give one of them"),
        (["{folder}"], "is a folder; name one picture"),
        (["{folder}/note.txt"], "not_an_image"),
        (
            ["{folder}/gone.jpg", "--bootstrap-servers", "127.0.0.1:1"],
            "gone.jpg is no file, and as an id it cannot be",
        ),
    ],
)
def test_what_cannot_be_explained_is_one_line(options: Options, image: Path, words: list[str], said: str) -> None:
    (image.parent / "note.txt").write_text("no picture")
    given = [word.format(image=image, folder=image.parent) for word in words]
    with pytest.raises(UsageError, match=re.escape(said)) as raised:
        explain(*given, *options)
    assert len(raised.value.lines) == 1
