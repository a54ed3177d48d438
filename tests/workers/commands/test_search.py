"""``sluice search`` as a process: its statuses, and what it prints where."""

from __future__ import annotations

from pathlib import Path

from pipeline.adapters.local.store import FolderStore
from tests.archive.made import keep, records
from tests.workers.commands.conftest import Sluice


def test_an_archived_image_is_searched_for_by_its_id_alone(sluice: Sluice, tmp_path: Path) -> None:
    keep(FolderStore(tmp_path / "archive"), records(20))
    done = sluice("search", "--like", "image-7", "--archive", "archive", "--limit", "3", "--html", "sheet.html")
    assert (done.status, done.stderr) == (0, "")
    assert done.lines[1].split()[1] == "1.000"
    assert done.lines[1].split()[-1] == "image-7"
    assert done.lines[-1] == "3 of 20 images"
    assert "image-7" in (tmp_path / "sheet.html").read_text()


def test_nothing_like_it_and_what_cannot_be_asked_have_statuses_of_their_own(sluice: Sluice, tmp_path: Path) -> None:
    keep(FolderStore(tmp_path / "archive"), records(20))
    like = ("search", "--like", "image-7", "--archive", "archive")
    assert sluice(*like, "--verdict", "block").status == 1
    missing = sluice("search", "--like", "image-99", "--archive", "archive")
    assert (missing.status, missing.stdout) == (2, b"")
    assert "has no image image-99" in missing.stderr
    assert sluice(*like, "--since", "2031-01-01").status == 2
