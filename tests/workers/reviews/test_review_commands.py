"""``sluice review``: what is checked before anything is published, and what a report says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.reviews import reviews_bytes
from pipeline.errors import UsageError
from pipeline.rules.archive.chain import ChainName, Extent
from pipeline.rules.archive.names import REVIEWS
from tests.archive.made import keep
from tests.lab.reviews.test_decided import made, review
from workers.cli import app


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["review", *map(str, words), "--log-level=error"], standalone_mode=False)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviewed") / "archive"
    store = FolderStore(folder)
    keep(store, made())
    kept = [review(number, "yes" if number < 8 else "no") for number in range(10)]
    kept += [review(number, "no", 0.5) for number in range(20, 30)]
    chain = ChainName(f"{REVIEWS}day=2026-09-20", "sluice.reviews.v1", 0)
    content = reviews_bytes(chain, Extent(0, len(kept)), list(enumerate(kept)))
    assert store.create(chain.path(0), content)
    return folder


def csv(folder: Path, *lines: str) -> Path:
    path = folder / "reviews.csv"
    path.write_text("\n".join(["image_id,policy,label,inclusion_probability", *lines]) + "\n")
    return path


def test_a_dry_run_says_what_would_be_published_and_reaches_for_no_broker(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,weapons,yes,", "b,weapons,no,0.01", "b,gore,unsure,0.01")
    said = run("record", "--csv", path, "--dry-run", "--bootstrap-servers", "127.0.0.1:1")
    assert said.exception is None
    counts = "3 reviews (1 yes, 1 no, 1 unsure; gore 1, weapons 2)"
    assert said.stdout == f"{path}: {counts} would be published to sluice.reviews.v1\n"
    told = json.loads(run("record", "--csv", path, "--dry-run", "--json").stdout)
    assert (told["reviews"], told["published"], told["labels"]) == (3, 0, {"yes": 1, "no": 1, "unsure": 1})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("a,wepons,yes,", "reviews.csv:3: no policy is called 'wepons'; did you mean 'weapons'"),
        ("a,weapons,jes,", "reviews.csv:3: the label 'jes' is none; write yes, no or unsure"),
        ("a,weapons,yes,2", "reviews.csv:3: the inclusion probability '2' is none"),
    ],
)
def test_a_slip_in_any_line_is_named_and_nothing_is_published(tmp_path: Path, line: str, says: str) -> None:
    said = run("record", "--csv", csv(tmp_path, "a,weapons,yes,", line), "--bootstrap-servers", "127.0.0.1:1")
    assert isinstance(said.exception, UsageError)
    assert says in str(said.exception)


def test_an_image_that_the_archive_lacks_is_named_with_its_line(tmp_path: Path, archive: Path) -> None:
    path = csv(tmp_path, "image-3,weapons,yes,", "image-99,weapons,yes,")
    said = run("record", "--csv", path, "--archive", archive, "--dry-run")
    assert "does not hold 'image-99' (reviews.csv:3); nothing is published" in str(said.exception)
    fine = run("record", "--csv", csv(tmp_path, "image-3,weapons,yes,"), "--archive", archive, "--dry-run")
    assert fine.exception is None


def test_a_report_gives_precision_and_misses_with_their_ends(archive: Path) -> None:
    since = ("--archive", str(archive), "--since", "2026-09-01")
    (weapons,) = json.loads(run("report", *since, "--json").stdout)["policies"]
    assert (weapons["policy"], weapons["precision"]["value"]) == ("weapons", 0.8)
    assert weapons["misses"]["value"] == 0.0
    assert 0 < weapons["misses"]["high"] < 1
    text = run("report", *since).stdout
    assert "weapons misses 0 to" in text
    none = run("report", *since, "--policy", "gore")
    assert "keeps no reviews of gore given since then" in str(none.exception)
