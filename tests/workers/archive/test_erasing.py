"""What a person sees of an archive's segments, of merging them, and of erasing from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.erasing.erasure import Asked
from pipeline.errors import UsageError
from pipeline.rules.archive.denied import Kind
from tests.archive.made import NOON, keep, records
from tests.archive.searched import holding
from workers.archive.erasing import asked
from workers.cli import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive of two days, the first in three segments."""
    store, made = FolderStore(tmp_path / "archive"), records(20)
    for start in (0, 5, 10):
        keep(store, made[start : start + 5], start=start)
    keep(store, records(5, at=NOON + 86_400), start=15)
    return tmp_path / "archive"


def sluice(*words: object) -> int:
    return int(app(["archive", *map(str, words)], standalone_mode=False) or 0)


def test_status_and_list_say_what_there_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sluice("status", "--archive", folder, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["day"], each["segments"], each["events"]) for each in told["groups"]] == [
        ("2026-09-21", 3, 15),
        ("2026-09-22", 1, 5),
    ]
    assert (told["denied"], told["erasures"], told["merged_away"]) == (0, 0, 0)
    sluice("status", "--archive", folder)
    assert "0 images, subjects and events erased" in capsys.readouterr().out
    sluice("list", "--archive", folder, "--since", "2026-09-22", "--json")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["start"] == 15
    sluice("list", "--archive", folder)
    assert "records 5 to 9, 5 events, 10 rows" in capsys.readouterr().out


def test_compact_leaves_one_segment_a_day(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sluice("compact", "--archive", folder, "--before", "2026-09-22", "--grace", "0", "--json")
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line).items() >= {"segments": 3, "rows": 30, "repeats": 0}.items()
    sluice("status", "--archive", folder, "--json")
    assert [each["segments"] for each in json.loads(capsys.readouterr().out)["groups"]] == [1, 1]


def test_an_erasure_is_looked_at_done_and_verified(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, image = tmp_path / "receipt.json", ("--image", "image-7", "--archive", folder)
    store = FolderStore(folder)
    sluice("erase", *image, "--dry-run")
    assert "1 events with 2 rows, 0 reviews would go; 1 of 4 objects" in capsys.readouterr().err
    assert holding(store, b"image-7")
    sluice("erase", *image, "--receipt", receipt)
    said = capsys.readouterr()
    assert "1 events with 2 rows, 0 reviews are gone; 1 of 4 objects" in said.err
    assert "not reached" in said.err
    assert "image-7" not in receipt.read_text()
    assert not holding(store, b"image-7")
    assert sluice("verify-erased", receipt, *image) == 0
    assert "it holds" in capsys.readouterr().out
    (entry, _) = sorted((folder / "erased").iterdir())
    entry.unlink()
    assert sluice("verify-erased", receipt, "--archive", folder) == 1
    assert "does not hold" in capsys.readouterr().out


def test_a_receipt_goes_to_standard_output_where_no_file_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sluice("erase", "--sha256", f"{3:064X}", "--by", "request 17", "--archive", folder)
    told = json.loads(capsys.readouterr().out)
    assert (told["by"], told["events"], told["asked"][0]["kind"]) == ("request 17", 2, "sha256")


def test_an_erasure_that_finds_nothing_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sluice("erase", "--image", "nobody", "--archive", folder)
    assert "nothing in the archive had it; it is denied from now on" in capsys.readouterr().err
    sluice("erase", "--image", "image-7", "--archive", folder)
    assert "nothing in the archive had it" not in capsys.readouterr().err


def test_nothing_is_done_where_the_receipt_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        sluice("erase", "--image", "image-7", "--archive", folder, "--receipt", tmp_path / "nowhere" / "receipt.json")
    assert not (folder / "erased").exists()


def test_a_receipt_is_verified_by_values_of_its_own_alone(folder: Path, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    sluice("erase", "--image", "image-7", "--archive", folder, "--receipt", receipt)
    with pytest.raises(UsageError, match="another erasure"):
        sluice("verify-erased", receipt, "--image", "image-8", "--archive", folder)


def test_what_names_nobody_is_refused() -> None:
    for given, words in (
        ((["a", ""], [], []), "--image is empty"),
        (([], ["cafe"], []), "64 hex digits"),
        (([], [], [""]), "--subject is empty"),
    ):
        with pytest.raises(UsageError, match=words):
            asked(*given)
    with pytest.raises(UsageError, match="erase what"):
        sluice("erase", "--archive", "nowhere")


def test_a_key_that_is_very_long_is_meant_as_decisions_have_it() -> None:
    ((kind, value),) = asked(["k" * 100_000], [], [])
    assert kind is Kind.IMAGE
    assert value.startswith("sha256:")
    assert asked(["a", "a"], [], []) == [Asked(Kind.IMAGE, "a")]
