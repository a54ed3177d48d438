"""``sluice evaluate`` as a person runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.errors import UsageError
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.scene_set import emoji_scenes
from tests.images import HTML, encoded, flat
from tests.tiny_models import SIGLIP, SIGLIP_PREPROCESS, write_model
from workers.cli import app

SAMPLES = Path(__file__).parents[2] / "policies" / "samples"
ONE_TEMPLATE = "--templates={}"
"""Of the lexicon's names a model encodes a thousand and more for each."""
SHOWN = {
    "kitchen_knife": "kitchen-knife-0",
    "beer-mug": "beer-mug-0",
    "game die": "game-die-0",
    "syringe": "syringe-0",
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Shipped samples in a folder for each class, one that shows none, and three that cannot be read."""
    folder = tmp_path / "photos"
    for name, start in SHOWN.items():
        (folder / name).mkdir(parents=True)
        for sample in SAMPLES.glob(f"{start}*"):
            shutil.copy(sample, folder / name)
    (folder / "none").mkdir()
    (folder / "none" / "sky.png").write_bytes(encoded(flat((90, 120, 200))))
    (folder / "syringe" / "page.jpg").write_bytes(HTML)
    (folder / "syringe" / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    (folder / "syringe" / "empty.jpg").touch()
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["evaluate", *words, "--log-level=error"], standalone_mode=False)


def test_a_folder_of_labelled_images_gives_one_json_object_and_one_page(photos: Path, tmp_path: Path) -> None:
    """With the bundled model, which knows what the samples show."""
    html = tmp_path / "report.html"
    result = run(str(photos), "--json", "--html", str(html))
    assert result.exception is None
    said = json.loads(result.stdout)
    assert said["model"]["name"] == "bundled"
    assert (said["classes"], said["unlabelled"], said["data"]) == (4, 1, "photos")
    assert sorted((Path(each["name"]).name, each["reason"]) for each in said["unreadable"]) == [
        ("empty.jpg", "empty"),
        ("gone.jpg", "fetch_failed"),
        ("page.jpg", "not_an_image"),
    ]
    assert said["top"][0]["accuracy"]["value"] > 0.7
    assert {each["name"] for each in said["by_class"]} == {"kitchen knife", "beer mug", "game die", "syringe"}
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_csv_with_groups_and_other_data_are_shown_as_tables(photos: Path, tmp_path: Path) -> None:
    """With a model trained with a sigmoid loss, and random weights: what it says is not looked at."""
    model = write_model(tmp_path / "model", SIGLIP, SIGLIP_PREPROCESS)
    rows = [f"{path},{path.parent.name},{path.suffix}" for path in sorted(photos.rglob("*-0*"))]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["image,label,group", *rows]))
    result = run(str(labels), f"--shift={labels}", f"--model={model}", "--templates={}", "--templates=art of {}")
    assert result.exception is None
    assert f"{len(rows)} of {len(rows)} images scored against 4 classes" in result.stdout
    for line in ("top-1", "calibration error", "templates", "kept on labels.csv", ".jpg"):
        assert f"\n{line}" in result.stdout
    assert "could not be read" not in result.stdout


def test_rendered_scenes_are_data_as_well(atlas: Atlas, tmp_path: Path) -> None:
    result = run("--emoji", "--scenes=12", "--shift=grey", ONE_TEMPLATE, "--json")
    assert result.exception is None
    said = json.loads(result.stdout)
    assert (said["images"], said["scored"]) == (12, 12)
    assert said["shift"]["data"] != said["data"]
    assert said["groups"]


def test_a_hand_is_other_data_and_gives_a_row_of_its_own(atlas: Atlas, tmp_path: Path) -> None:
    """Two things in it, one of which the scenes of the font show, too, and a drawing that names nothing."""
    folder = tmp_path / "stickers"
    folder.mkdir()
    (shown, *_) = emoji_scenes(8, atlas=atlas).examples[0].labels
    (folder / f"{shown}.png").write_bytes(encoded(flat((20, 30, 30))))
    (folder / "dog.png").write_bytes(encoded(flat((200, 30, 30))))
    (folder / "nothing.png").write_bytes(encoded(flat((200, 30, 30))))
    result = run("--emoji", "--scenes=8", f"--shift={folder}", "--shift=grey", ONE_TEMPLATE, "--json")
    assert result.exception is None
    assert "left out: " in result.stderr
    assert "nothing.png: its name says no known emoji" in result.stderr
    said = json.loads(result.stdout)
    assert [each["data"] for each in said["shifts"]] == ["emoji scenes (stickers)", "emoji scenes (grey)"]
    assert said["shift"] == said["shifts"][0], "as before there could be several"
    assert [top["k"] for top in said["shift"]["top"]] == [1, 5]
    assert 0 <= said["shift"]["ece"] <= 1


def refusal(*words: str) -> str:
    error = run(*words).exception
    assert isinstance(error, UsageError), error
    assert "\n" not in str(error)
    return str(error)


def test_what_is_wrong_is_one_line_before_a_model_is_loaded(photos: Path, tmp_path: Path) -> None:
    folder = str(photos)
    assert refusal() == "name one thing to evaluate on: a folder, a CSV file, or --emoji"
    assert refusal(folder, "--emoji") == refusal()
    assert refusal(str(tmp_path / "nowhere")).startswith("no such file or folder")
    assert refusal(folder, "--shift", "nowhere") == "no such file or folder: nowhere"
    assert refusal("--emoji", "--shift=nowhere").startswith("--shift nowhere: no such file or folder, and no kind")
    assert refusal(folder, "--templates", "a photo").startswith("the template 'a photo' has no {}")
    assert refusal(folder, "--html", folder).startswith(f"--html {folder} is a folder")
    assert refusal(folder, "--html", f"{folder}/no/page.html").startswith(f"cannot write into {folder}/no")


def test_a_folder_of_rubbish_is_one_line_that_names_the_first_image(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "page.jpg").write_bytes(HTML)
    said = refusal(str(tmp_path / "photos"))
    assert said.startswith("photos: none of its 2 images can be read; ")
    assert "page.jpg: starts like HTML" in said


def test_images_labelled_with_policies_are_judged_by_them(photos: Path) -> None:
    """As `sluice policy calibrate` takes them: one subfolder, and none."""
    (photos / "kitchen_knife").rename(photos / "weapons")
    for name in ("beer-mug", "game die", "syringe"):
        for picture in (photos / name).iterdir():
            picture.rename(photos / "none" / picture.name)
        (photos / name).rmdir()
    said = json.loads(run(str(photos), "--json").stdout)
    (weapons,) = said["policies"]
    assert (weapons["policy"], weapons["status"], weapons["note"]) == ("weapons", "no target", "")
    review = weapons["actions"][0]
    assert (review["action"], review["threshold"], review["before"]) == ("review", review["before"], review["before"])
    assert (review["hits"], review["positives"], review["false"]) == (review["positives"], review["positives"], 0)
    slip = run(str(photos), "--html", "page.html")
    assert isinstance(slip.exception, UsageError)
    assert "is labelled with policies, and judged by them: leave out --templates" in str(slip.exception)


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("weapons", "tobacco", "syringe"):
        prompts = "[a kitchen knife, a syringe]"
        (folder / f"{name}.yaml").write_text(
            f"title: T\nmode: shadow\nprompts: {prompts}\nactions: {{review: 0.5}}\n"
        )
    return folder


def renamed(photos: Path, **names: str) -> None:
    """With the folders called so, and the others left out."""
    for folder in photos.iterdir():
        if folder.name in names:
            folder.rename(photos / names[folder.name])
        elif folder.name != "none":
            shutil.rmtree(folder)


def test_a_label_beside_policies_that_is_none_is_a_slip(photos: Path, policies: Path) -> None:
    renamed(photos, kitchen_knife="weapons", syringe="tobaco")
    said = refusal(str(photos), f"--policies={policies}")
    slip = (
        "unknown label 'tobaco'; did you mean 'tobacco'; beside 'weapons' all labels have to be policies, or 'none'"
    )
    assert said == f"{photos / 'tobaco'}: {slip}"
    (knife, *_), (needle, *_) = (sorted((photos / label).glob("*-0*")) for label in ("weapons", "tobaco"))
    labels = photos.parent / "labels.csv"
    labels.write_text(f"image,label\n{knife},weapons\n{needle},tobaco\n")
    assert refusal(str(labels), f"--policies={policies}") == f"{labels}:3: {slip}"
    result = run(str(photos), "--json")
    assert json.loads(result.stdout)["classes"] == 2, "of the shipped policies nobody spoke"
    assert "weapons would be policies' ids, and tobaco not: all are taken for classes" in result.stderr


def test_one_label_alone_is_a_policy_or_is_told_how_it_could_be_one(photos: Path, policies: Path) -> None:
    renamed(photos, kitchen_knife="wepons")
    assert refusal(str(photos), f"--policies={policies}").endswith("unknown label 'wepons'; did you mean 'weapons'")
    said = refusal(str(photos))
    assert said.startswith("photos: only the class 'wepons'; an evaluation needs two classes or more to tell apart")
    assert said.endswith("; where that is a policy, name its folder with --policies")
    assert "no policy is in it" in refusal(str(photos), f"--policies={photos}")


def test_words_of_the_lexicon_are_classes_whatever_policies_are_called(photos: Path, policies: Path) -> None:
    result = run(str(photos), f"--policies={policies}", "--json")
    assert (json.loads(result.stdout)["classes"], result.stderr) == (4, "")


def test_a_csv_of_policies_calls_what_shows_none_of_them_none_as_a_folder_does(photos: Path, policies: Path) -> None:
    renamed(photos, kitchen_knife="weapons")
    labels = photos.parent / "labels.csv"
    rows = [f"{path},{path.parent.name}" for path in (*photos.rglob("*-0*"), photos / "none" / "sky.png")]
    labels.write_text("\n".join(["image,label", *rows]))
    of_csv, of_folder = (
        json.loads(run(str(each), f"--policies={policies}", "--json").stdout) for each in (labels, photos)
    )
    assert of_csv["policies"] == of_folder["policies"]
    assert [(each["policy"], each["negatives"]) for each in of_csv["policies"]] == [("weapons", 1)]
