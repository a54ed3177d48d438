"""What goes wrong in a folder: full disks, missing rights, dead writers, links; and what is durable when."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import StoreAwayError, StoreError
from tests.services.processes import python

NOBODY = 65_534


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def everything_in(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if not each.is_dir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_is_full_or_fails_is_away_and_nothing_is_left_of_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = FolderStore(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(number))
        with pytest.raises(StoreAwayError, match=f"{tmp_path} cannot write a/b: .*make room"):
            store.create("a/b", b"x" * 10_000)
    assert everything_in(tmp_path) == []
    assert list(store.list()) == []
    assert store.create("a/b", b"whole")


def test_a_write_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    """By a real limit of the kernel, at which half of the bytes are in the file."""
    code = (
        "import resource, sys; from pathlib import Path; from pipeline.adapters.local.store import FolderStore\n"
        "from pipeline.errors import StoreError\n"
        "store = FolderStore(Path(sys.argv[1])); store.create('before', b'x')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: store.create('a/b', bytes(200_000))\n"
        "except StoreError as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(python("-c", code, str(tmp_path)), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("StoreError")
    assert "a limit of this process" in done.stdout
    assert everything_in(tmp_path) == ["before"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not")
def test_who_may_not_read_or_write_is_told_and_sees_no_empty_archive(tmp_path: Path) -> None:
    """A folder that cannot be listed is not one without segments."""
    store = FolderStore(tmp_path)
    store.create("closed/a", b"x")
    (tmp_path / "closed").chmod(0o700)
    for each in (tmp_path, *tmp_path.parents[:3]):
        each.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path; from pipeline.adapters.local.store import FolderStore\n"
        "from pipeline.errors import StoreAwayError, StoreError\n"
        f"store = FolderStore(Path(sys.argv[1])); os.setuid({NOBODY})\n"
        "for call in (store.list, lambda: store.read('closed/a'), lambda: store.create('b', b''),\n"
        "             lambda: store.delete('closed/a')):\n"
        "    try: print('let in:', call())\n"
        "    except StoreError as error: print(isinstance(error, StoreAwayError), error)\n"
    )
    done = subprocess.run(python("-c", code, str(tmp_path)), capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("False") and "see that this user may" in line for line in lines), lines


def test_a_read_only_file_system_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path / "archive")
    monkeypatch.setattr(Path, "mkdir", failing(errno.EROFS))
    with pytest.raises(StoreError, match="Read-only file system"):
        store.create("a", b"")


def test_what_a_writer_left_that_died_is_removed_and_what_others_are_writing_is_not(tmp_path: Path) -> None:
    FolderStore(tmp_path).create("a", b"x")
    left, writing = tmp_path / ".parts" / "left", tmp_path / ".parts" / "writing"
    left.write_bytes(b"half")
    writing.write_bytes(b"half")
    long_ago = time.time() - 2 * 3600
    os.utime(left, (long_ago, long_ago))
    assert [each.path for each in FolderStore(tmp_path).list()] == ["a"], "neither is an object"
    FolderStore(tmp_path).create("b", b"x")
    assert not left.exists()
    assert writing.exists()


def test_a_file_system_without_hard_links_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    with pytest.raises(StoreError, match=r"without hard links.*NFS"):
        store.create("a", b"x")
    assert everything_in(tmp_path) == []


def test_a_file_server_that_denies_what_it_has_done_is_seen_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS, when the answer to a link is lost: the second request finds the name taken, by us."""
    link = os.link

    def twice(*names: Any) -> None:
        link(*names)
        link(*names)

    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "link", twice)
    assert store.create("a", b"ours")
    assert not store.create("a", b"theirs")
    assert store.read("a") == b"ours"


def test_a_name_longer_than_the_file_system_takes_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="longer than the file system takes"):
        FolderStore(tmp_path).create("a" * 300, b"")


def test_links_are_no_objects_and_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not of the archive")
    store = FolderStore(tmp_path / "archive")
    store.create("day/a", b"x")
    (tmp_path / "archive" / "day" / "b").symlink_to(secret)
    (tmp_path / "archive" / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "archive" / "day" / "pipe")
    assert [each.path for each in store.list()] == ["day/a"]
    with pytest.raises(StoreError, match="symbolic link"):
        store.read("day/b")


def test_the_archives_own_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "archive").symlink_to(tmp_path / "disk")
    store = FolderStore(tmp_path / "archive")
    assert store.create("a/b", b"x")
    assert [each.path for each in store.list()] == ["a/b"]


def test_bytes_are_durable_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new folder's name too, from the outermost on: a power cut must not take a segment that was committed."""
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def synced(handle: int) -> None:
        done.append("sync " + Path(f"/proc/self/fd/{handle}").readlink().relative_to(tmp_path).as_posix())
        fsync(handle)

    def linked(*names: Any) -> None:
        done.append("link")
        link(*names)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", linked)
    FolderStore(tmp_path / "archive").create("model/day/a", b"x")
    parts = [each for each in done if each.startswith("sync archive/.parts/")]
    assert len(parts) == 1
    at = done.index(parts[0])
    assert done[at + 1 :] == ["sync archive", "sync archive/model", "link", "sync archive/model/day"]
    assert done[:at] == ["sync .", "sync archive"]


def test_a_new_file_has_the_rights_that_this_user_gives_to_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        FolderStore(tmp_path).create("a", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
