"""An archive that a scan fills: it is an archiver's, and the policies that filled it change nothing in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.archive.policy_sets import policy_set
from tests.workers.commands.conftest import Sluice
from workers.settings import SHIPPED_POLICIES


@pytest.fixture
def pictures(folder: Path) -> Path:
    for path in sorted((SHIPPED_POLICIES / "samples").glob("wine-glass-0*"))[:3]:
        shutil.copy(path, folder)
    return folder


def test_what_a_scan_said_is_kept_and_would_be_said_again(sluice: Sluice, pictures: Path) -> None:
    said = sluice("scan", "pictures", "--json", "--archive", "archive")
    archive = Archive(FolderStore(pictures.parent / "archive"))
    blocks = list(archive.blocks(archive.segments(), ["decision"]))
    kept = [block.decision(event) for block in blocks for event in range(block.events)]
    assert [each.decision_id for each in kept] == [each["decision_id"] for each in said.objects]
    assert {each.policy_set for each in kept} == {policy_set(archive.store, kept[0].policy_set).version}
    gates = ("--max-new", "0", "--max-let-go", "0")
    again = sluice("backtest", str(SHIPPED_POLICIES), "--archive", "archive", "--json", *gates)
    assert again.status == 0
    assert json.loads(again.stdout)["events"] == len(kept)


def test_an_archive_that_cannot_be_written_is_one_line(sluice: Sluice, pictures: Path) -> None:
    (pictures.parent / "archive").write_text("a file")
    done = sluice("scan", "pictures", "--archive", "archive")
    assert done.status == 2
    assert len(done.stderr.splitlines()) == 1
    assert "archive" in done.stderr


def test_what_was_scanned_before_is_kept_once_and_another_picture_of_that_name_as_well(
    sluice: Sluice, pictures: Path
) -> None:
    def kept() -> list[str]:
        archive = Archive(FolderStore(pictures.parent / "archive"))
        blocks = list(archive.blocks(archive.segments(), ["decision"]))
        return [block.decision(event).image_id for block in blocks for event in range(block.events)]

    first, second, *_ = sorted(pictures.iterdir())
    sluice("scan", "pictures", "--archive", "archive")
    once = sorted(kept())
    assert len(once) == 4
    assert sluice("scan", "pictures", "--archive", "archive").status in {0, 1}
    assert sorted(kept()) == once
    shutil.copy(second, first)
    sluice("scan", "pictures", "--archive", "archive")
    assert len(kept()) == 5
