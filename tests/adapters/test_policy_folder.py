"""A folder of policies on disk: what is read, and what counts as a change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Event, Thread

import pytest

from pipeline.adapters.policy_folder import policy_folder_changes, read_policy_folder
from pipeline.errors import PolicyError

PATIENCE = 10.0
EDIT_SECONDS = 2.0
"""An edit must be live within two seconds, so it must be seen in less."""


def names(files: dict[str, bytes]) -> list[str]:
    return [Path(path).name for path in files]


@pytest.fixture
def changes(tmp_path: Path) -> Iterator[Queue[dict[str, bytes]]]:
    """The changes of `tmp_path`, as a thread sees them; the first look is in it."""
    (tmp_path / "weapons.yaml").write_bytes(b"one")
    seen: Queue[dict[str, bytes]] = Queue()
    stop = Event()

    def look() -> None:
        for files in policy_folder_changes(tmp_path, stop):
            seen.put(files)

    thread = Thread(target=look)
    thread.start()
    yield seen
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_policies_and_text_lists_are_read_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "_defaults.yaml", "_background.txt", ".hidden.yaml", "notes.md", "b.yaml~"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "samples").mkdir()
    files = read_policy_folder(tmp_path)
    assert sorted(names(files)) == ["_background.txt", "_defaults.yaml", "a.yml", "b.yaml"]
    assert all(content == Path(path).name.encode() for path, content in files.items())


def test_a_missing_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="--policies"):
        read_policy_folder(tmp_path / "nothing")


def test_an_edit_is_seen_and_a_touch_is_not(tmp_path: Path, changes: Queue[dict[str, bytes]]) -> None:
    assert list(changes.get(timeout=PATIENCE).values()) == [b"one"]
    os.utime(tmp_path / "weapons.yaml")
    (tmp_path / "new.tmp").write_bytes(b"two")
    (tmp_path / "new.tmp").rename(tmp_path / "weapons.yaml")
    assert list(changes.get(timeout=EDIT_SECONDS).values()) == [b"two"]
    assert changes.empty()


def test_a_deleted_and_a_new_policy_are_changes(tmp_path: Path, changes: Queue[dict[str, bytes]]) -> None:
    changes.get(timeout=PATIENCE)
    (tmp_path / "tobacco.yaml").write_bytes(b"new")
    assert names(changes.get(timeout=EDIT_SECONDS)) == ["tobacco.yaml", "weapons.yaml"]
    (tmp_path / "weapons.yaml").unlink()
    assert names(changes.get(timeout=EDIT_SECONDS)) == ["tobacco.yaml"]


def test_a_swapped_symlink_is_a_change(tmp_path: Path) -> None:
    """As a ConfigMap mount does it: files link through ``..data`` to a folder that is replaced as a whole."""
    mount = tmp_path / "mount"
    mount.mkdir()
    for generation in ("one", "two"):
        (mount / f"..{generation}").mkdir()
        (mount / f"..{generation}" / "weapons.yaml").write_bytes(generation.encode())
    (mount / "..data").symlink_to("..one")
    (mount / "weapons.yaml").symlink_to("..data/weapons.yaml")
    stop, seen = Event(), Queue[dict[str, bytes]]()

    def look() -> None:
        for files in policy_folder_changes(mount, stop):
            seen.put(files)

    thread = Thread(target=look)
    thread.start()
    assert list(seen.get(timeout=PATIENCE).values()) == [b"one"]
    (mount / "..next").symlink_to("..two")
    (mount / "..next").rename(mount / "..data")
    assert list(seen.get(timeout=EDIT_SECONDS).values()) == [b"two"]
    stop.set()
    thread.join(PATIENCE)


def test_a_folder_that_goes_away_and_comes_back_is_seen_again(
    tmp_path: Path, changes: Queue[dict[str, bytes]]
) -> None:
    changes.get(timeout=PATIENCE)
    away = tmp_path.with_name(tmp_path.name + "-away")
    tmp_path.rename(away)
    (away / "weapons.yaml").write_bytes(b"two")
    away.rename(tmp_path)
    assert list(changes.get(timeout=PATIENCE).values()) == [b"two"]
