"""A person's disk: nothing is passed over unsaid, nothing blocks, nothing is read past a limit."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.disk import read_bytes, read_file, walk
from pipeline.errors import ItemError, Reason
from tests.e2e.pictures import picture

NOBODY = 65534


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user who may not read everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_what_may_not_be_read_is_to_be_judged_and_reading_it_says_why(open_folder: Path) -> None:
    for name in ("fine.jpg", "shut.jpg"):
        (open_folder / name).write_bytes(picture(1))
    (open_folder / "closed").mkdir()
    for name in ("shut.jpg", "closed"):
        (open_folder / name).chmod(0)
    with without_rights():
        found = list(walk(str(open_folder)))
        assert [Path(each.path).name for each in found if not each.skipped] == ["closed", "fine.jpg", "shut.jpg"]
        for name in ("closed", "shut.jpg"):
            with pytest.raises(ItemError, match="Permission denied"):
                read_file(str(open_folder / name))
    (open_folder / "closed").chmod(0o755)


def test_a_folder_is_entered_once_however_many_links_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.jpg").touch()
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b").symlink_to("a")
    found = {Path(each.path).relative_to(tmp_path).as_posix(): each.skipped for each in walk(str(tmp_path))}
    assert found.pop("a/one.jpg") == ""
    assert set(found) == {"a/up", "b"}
    assert all("looked at anyway" in skipped for skipped in found.values())


def test_a_path_too_long_for_the_system_is_told(tmp_path: Path) -> None:
    here, name = Path.cwd(), "d" * 200
    try:
        os.chdir(tmp_path)
        for _ in range(25):
            Path(name).mkdir()
            os.chdir(name)
    finally:
        os.chdir(here)
    [found] = walk(str(tmp_path))
    assert not found.skipped
    with pytest.raises(ItemError, match="File name too long"):
        read_file(found.path)


def test_a_file_that_goes_meanwhile_is_told(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(picture(1))
    walking = walk(str(tmp_path))
    first = next(walking)
    (tmp_path / "a.jpg").unlink()
    (tmp_path / "b.jpg").unlink()
    assert [Path(each.path).name for each in (first, *walking)] == ["a.jpg", "b.jpg"]
    with pytest.raises(ItemError, match="No such file") as failed:
        read_file(first.path)
    assert failed.value.reason is Reason.FETCH_FAILED


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    assert read_bytes(str(path), 1000) == bytes(1000)
    with pytest.raises(ItemError, match="1,000 bytes, where 999 are the most") as failed:
        read_bytes(str(path), 999)
    assert failed.value.reason is Reason.TOO_LARGE
    with pytest.raises(ItemError, match="more bytes, where 5,000 are the most"):
        read_bytes("/dev/zero", 5000)


def test_a_pipe_that_nobody_writes_to_is_at_its_end_and_one_that_is_silent_is_given_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_bytes(str(tmp_path / "pipe")) == b""
    ours, theirs = os.pipe()
    try:
        with pytest.raises(ItemError, match=r"nothing came for 0\.1 s"):
            read_file(f"/dev/fd/{ours}", patience=0.1)
        os.write(theirs, b"abc")
        os.close(theirs)
        assert read_file(f"/dev/fd/{ours}") == b"abc"
    finally:
        os.close(ours)
