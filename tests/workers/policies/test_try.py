"""``sluice policy try``: wordings side by side, by the bundled model over shipped samples and an archive of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import ServiceError, UsageError
from pipeline.lab.wordings.record import Count, Top, Tried, Wording
from pipeline.rules.policies.backgrounds import background_lines
from tests.archive.made import keep
from tests.workers.search.conftest import record, seen
from workers import assembly
from workers.assembly import Model
from workers.cli import app
from workers.settings import Settings
from workers.terminal.console import Terminal
from workers.terminal.wordings import show

SAMPLES = Settings().policies / "samples"
KNIVES = ("kitchen-knife-01.jpg", "kitchen-knife-02.jpg")
OTHERS = ("banana-01.png", "bus-01.png", "pill-01.jpg")
NAMES = (*KNIVES, "cats-then-a-knife.gif", *OTHERS)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.set_num_threads(1)
    settings = Settings(decode_in="threads", cores=1, dtype="float32", device="cpu")
    return assembly.load_model(settings, one_caller=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and what policies share: a tenth of the background, because a model takes seconds for all of it."""
    folder = tmp_path_factory.mktemp("try")
    (folder / "pictures").mkdir()
    for name in NAMES:
        shutil.copy(SAMPLES / name, folder / "pictures")
    (folder / "policies").mkdir()
    (folder / "policies" / "_defaults.yaml").write_text("background: lines.txt\nallow_thin_background: true\n")
    lines = background_lines((SAMPLES.parent / "_background.txt").read_text())
    (folder / "policies" / "lines.txt").write_text("\n".join(["spoon", "banana", "bus", *lines[::10]]) + "\n")
    return folder


@pytest.fixture(scope="module")
def archive(model: Model, folder: Path) -> Path:
    images = {name: (SAMPLES / name).read_bytes() for name in NAMES}
    made = [record(number, *each, images[each[0]]) for number, each in enumerate(seen(model, images).items())]
    keep(FolderStore(folder / "archive"), made)
    return folder / "archive"


Try = Callable[..., Result]


@pytest.fixture
def tried(model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    monkeypatch.setattr(assembly, "load_model", lambda *_args, **_how: model)

    def run(*words: str | Path) -> Result:
        given = ["policy", "try", *map(str, words), "--policies", str(folder / "policies")]
        return CliRunner().invoke(app, given, standalone_mode=False)

    return run


def said(done: Result) -> dict[str, Any]:
    assert done.exception is None, done.exception
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def names(wording: dict[str, Any]) -> list[str]:
    return [Path(each["image_id"]).name for each in wording["top"]]


def test_a_wording_that_works_is_told_from_one_that_does_not(tried: Try, folder: Path) -> None:
    found = said(
        tried("a kitchen knife", "--against", "tobacco", "--on", folder / "pictures", "--top", "4", "--json")
    )
    knife, tobacco = found["wordings"]
    assert (found["images"], found["unread"]) == (6, 0)
    assert [each["threshold"] for each in knife["counts"]] == [0.5, 0.9]
    assert (knife["counts"][0]["flagged"], knife["counts"][0]["alone"]) == (3, 3)
    assert tobacco["counts"][0]["flagged"] == 0
    assert set(names(knife)[:3]) == {*KNIVES, "cats-then-a-knife.gif"}
    assert len(knife["top"]) == len(tobacco["top"]) == 4
    for at, wording in enumerate(found["wordings"]):
        scores = [each["scores"][at] for each in wording["top"]]
        assert scores == sorted(scores, reverse=True)


def test_the_scores_are_those_of_a_policy_with_these_words(tried: Try, folder: Path, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(folder / "policies", policies)
    (policies / "knives.yaml").write_text("title: Knives\nprompts: [a kitchen knife]\nactions: {review: 0.5}\n")
    pictures = str(folder / "pictures")
    scan = CliRunner().invoke(app, ["scan", pictures, "--json", "--policies", str(policies)], standalone_mode=False)
    decided = {each["image_id"]: each["scores"]["knives"] for each in map(json.loads, scan.stdout.splitlines())}
    [wording] = said(tried("a kitchen knife", "--on", pictures, "--json"))["wordings"]
    assert {each["image_id"]: each["scores"][0] for each in wording["top"]} == decided


def test_an_archive_gives_what_its_pictures_give(tried: Try, folder: Path, archive: Path) -> None:
    asked = ("a kitchen knife", "--against", "a knife", "--threshold", "0.3", "--json")
    on_disk, kept = said(tried(*asked, "--on", folder / "pictures")), said(tried(*asked, "--archive", archive))
    for before, after in zip(on_disk["wordings"], kept["wordings"], strict=True):
        assert before["counts"] == after["counts"]
        assert names(before) == names(after)
        for one, other in zip(before["top"], after["top"], strict=True):
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-4)  # images were seen in other batches
    assert kept["wordings"][0]["top"][0]["decided_at"]


def test_more_images_than_are_shown_are_counted_all_the_same(tried: Try, folder: Path, archive: Path) -> None:
    for where in (("--on", folder / "pictures"), ("--archive", archive)):
        [wording] = said(tried("a kitchen knife", *where, "--top", "1", "--threshold", "0", "--json"))["wordings"]
        assert len(wording["top"]) == 1
        assert wording["counts"] == [{"threshold": 0.0, "flagged": 6, "alone": 6}]


def test_the_table_says_how_many_and_which(tried: Try, folder: Path) -> None:
    done = tried("a kitchen knife", "--against", "a banana", "--on", folder / "pictures")
    assert done.exception is None
    assert "6 images of" in done.stdout
    assert "A: a kitchen knife" in done.stdout
    assert done.stdout.index("B: a banana") < done.stdout.rindex("B 0.")
    for name in KNIVES:
        assert name in done.stdout


def test_of_what_hardly_scores_nothing_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty lines of 0.000 say nothing, and look as if they did."""
    count = Count(threshold=0.5, flagged=0, alone=0)

    def wording(words: str, scores: Sequence[tuple[float, float]]) -> Wording:
        top = [Top(image_id=f"{each}.jpg", scores=list(each), alike=0, against=None) for each in scores]
        return Wording(words=words, counts=[count], top=top)

    pairs = [(0.4, 0.0), (0.0004, 0.0003)]
    wordings = [wording("a knife", pairs), wording("a vape", pairs[::-1])]
    show(Tried(source="here", model="m", preprocess="p", images=2, unread=0, wordings=wordings), Terminal())
    said = capsys.readouterr().out
    assert said.count("0.4, 0.0") == 1
    assert "(0.0004" not in said
    assert "no image scores 0.001 or more" in said.partition("B: a vape")[2]


def test_the_page_has_a_column_each_and_veils_its_pictures(tried: Try, folder: Path, archive: Path) -> None:
    page = folder / "page.html"
    for where in (("--on", folder / "pictures"), ("--archive", archive)):
        assert tried("a kitchen knife", "--against", "<b>", *where, "--top", "2", "--html", page).exception is None
        text = page.read_text()
        assert text.count("data:image/webp;base64,") == text.count("class=veil>") == 4
        assert "B: &lt;b&gt;" in text
        assert "default-src 'none'" in text
        assert "<script" not in text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["x"], "on which pictures?"),
        (["x", "--on", str(SAMPLES), "--archive", "somewhere"], "say one"),
        (["x", "--against", "x", "--on", str(SAMPLES)], "'x' stands there twice"),
        (["x", "--on", "no-such-folder"], "no such file or folder"),
        (["x", "--on", __file__], "not_an_image"),
        (["dog " * 80, "--on", str(SAMPLES)], "tokens past the model's"),
        (["x", "--against", " ", "--on", str(SAMPLES)], "' ': an entry of 'prompts' is blank"),
        (["x", "--on", str(Path(__file__).parent)], "no pictures in the folder"),
    ],
)
def test_what_cannot_be_tried_is_one_line(tried: Try, words: list[str], reason: str) -> None:
    done = tried(*words)
    assert isinstance(done.exception, UsageError)
    assert reason in str(done.exception)


def test_a_picture_that_cannot_be_read_is_named_and_the_rest_go_on(tried: Try, tmp_path: Path) -> None:
    shutil.copy(SAMPLES / KNIVES[0], tmp_path)
    (tmp_path / "broken.jpg").write_bytes((SAMPLES / KNIVES[0]).read_bytes()[:300])
    done = tried("a kitchen knife", "--on", tmp_path)
    assert done.exception is None
    assert "1 image of" in done.stdout
    assert "1 could not be read" in done.stdout
    assert "broken.jpg" in done.stderr


def test_an_archive_that_is_not_there_is_named(tried: Try, tmp_path: Path) -> None:
    done = tried("x", "--archive", tmp_path / "none")
    assert isinstance(done.exception, ServiceError)
    assert "is not there" in str(done.exception)
