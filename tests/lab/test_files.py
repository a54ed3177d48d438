"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.lab.files import write_atomically, write_text


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    write_text(path, "old")

    def half(temporary: Path) -> None:
        temporary.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["model.bin"]


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    write_text(path, "old")
    path.chmod(0o664)
    write_text(path, "new")
    assert path.stat().st_mode & 0o777 == 0o664


def test_a_replaced_file_keeps_its_user_and_group(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    write_text(path, "old")
    try:
        os.chown(path, 1234, 4321)
    except PermissionError:
        pytest.skip("only root gives files away")
    write_text(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_a_pipe_is_written_into_and_stays_one_also_behind_a_link(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for path in (pipe, link):
            write_text(path, "new")
            assert os.read(reader, 9) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"pipe", "link"}


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o044 == 0o044
