"""A folder of policies on disk: what is read, what is refused, and when it is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread, Timer

import pytest

from pipeline.adapters.local import policy_folder
from pipeline.adapters.local.policy_folder import Reading, look_at, looks, not_taken, read_policy_folder, settled
from pipeline.errors import PolicyError
from pipeline.rules.policies.files import BUILT_IN, FILE_LIMIT

PATIENCE = 20.0
LATIN = os.fsdecode(b"caf\xe9.yaml")
SHIPPED = Path(__file__).parents[3] / "policies" / "_background.txt"


def names(files: dict[str, bytes]) -> list[str]:
    return [Path(path).name for path in files if path != BUILT_IN]


def problems(folder: Path) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        read_policy_folder(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in refused.value.problems]


def test_policies_and_text_lists_are_read_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "_defaults.yaml", "_background.txt", ".hidden.yaml", "notes.md", "b.yaml~"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "samples").mkdir()
    files = dict(read_policy_folder(tmp_path).files)
    assert sorted(names(files)) == ["_background.txt", "_defaults.yaml", "a.yml", "b.yaml"]
    assert files.pop(BUILT_IN) == SHIPPED.read_bytes()
    assert all(content == Path(path).name.encode() for path, content in files.items())


def test_a_missing_folder_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    assert problems(tmp_path / "nothing")[0].endswith(
        "no such folder; give the folder of your policies with --policies"
    )
    (tmp_path / "weapons.yaml").touch()
    assert "give the folder that it is in" in problems(tmp_path / "weapons.yaml")[0]


def test_a_link_that_leads_nowhere_is_no_policy_that_was_deleted(tmp_path: Path) -> None:
    (tmp_path / "weapons.yaml").symlink_to("..data/weapons.yaml")
    (tmp_path / "tobacco.yaml").symlink_to("tobacco.yaml")
    assert sorted(problems(tmp_path)) == [
        "tobacco.yaml: a link to tobacco.yaml, which is not there; delete the link, or put the file there",
        "weapons.yaml: a link to ..data/weapons.yaml, which is not there; delete the link, or put the file there",
    ]


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    assert sorted(problems(tmp_path)) == [
        "folder.yaml: a folder, and policies are files; rename it",
        "pipe.yaml: a pipe, socket or device, and policies are files; rename it",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weapons.yaml").touch(mode=0o000)
    assert problems(tmp_path)[0].startswith("weapons.yaml: cannot be read: Permission denied")


def test_a_text_is_refused_only_where_it_is_the_background(tmp_path: Path) -> None:
    (tmp_path / "weapons.yaml").touch()
    os.mkfifo(tmp_path / "notes.txt")
    assert names(read_policy_folder(tmp_path).files) == ["weapons.yaml"]
    (tmp_path / "_defaults.yaml").write_text("background: notes.txt\n")
    assert problems(tmp_path) == ["notes.txt: a pipe, socket or device, and policies are files; rename it"]


def test_no_more_of_a_file_is_read_than_it_takes_to_refuse_it(tmp_path: Path) -> None:
    with (tmp_path / "weapons.yaml").open("wb") as file:
        file.truncate(1 << 40)
    files = dict(read_policy_folder(tmp_path).files)
    assert len(files[(tmp_path / "weapons.yaml").as_posix()]) == FILE_LIMIT + 1


def test_a_name_that_is_not_utf8_is_read_and_has_a_digest(tmp_path: Path) -> None:
    (tmp_path / LATIN).write_bytes(b"x")
    assert names(read_policy_folder(tmp_path).files) == [LATIN]
    (tmp_path / LATIN).write_bytes(b"y")
    assert look_at(tmp_path).digest != read_policy_folder(tmp_path).digest or look_at(tmp_path).problems == ()
    (tmp_path / LATIN).unlink()
    (tmp_path / LATIN).symlink_to(os.fsdecode(b"\xff"))
    assert "which is not there" in problems(tmp_path)[0]
    assert look_at(tmp_path).digest


def test_every_file_that_is_not_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    for name in ("ok.yaml", "_defaults.yaml", "_background.txt", "upper.YAML", "x.yaml.txt", "a.yml~", "b.yaml.bak"):
        (tmp_path / name).touch()
    for name in ("NOTES.md", ".hidden.yaml", "_old.yaml", "weapons", "Y.Yml"):
        (tmp_path / name).touch()
    for name in ("samples", "..2024", "more", "folder.YAML"):
        (tmp_path / name).mkdir()
    (tmp_path / "more" / "tobacco.yaml").touch()
    said = {Path(each.file).name: each.reason for each in (*look_at(tmp_path).slips, *not_taken(tmp_path))}
    assert said == {
        "upper.YAML": "not read under this name; rename it to upper.yaml",
        "x.yaml.txt": "not read under this name; rename it to x.yaml",
        "Y.Yml": "not read under this name; rename it to y.yaml",
        "a.yml~": "an editor's copy, by its name; delete it, or rename it if it is a policy",
        "b.yaml.bak": "an editor's copy, by its name; delete it, or rename it if it is a policy",
        "NOTES.md": "no policy, by its name; a policy's ends in .yaml",
        "weapons": "no policy, by its name; a policy's ends in .yaml",
        ".hidden.yaml": "a hidden file, whose name starts with a dot; rename it if it is a policy",
        "_old.yaml": "starts with _, as _defaults.yaml alone may; rename it if it is a policy",
        "samples": "a folder, and policies are looked for in no subfolder",
        "folder.YAML": "a folder, and policies are looked for in no subfolder",
        "more": (
            "a folder, and policies are looked for in no subfolder; move its policies up, or give it with --policies"
        ),
    }


@pytest.mark.parametrize("name", ["README", "README.md", "Readme.txt"])
def test_a_readme_is_read_under_no_circumstances(tmp_path: Path, name: str) -> None:
    """Not even where the defaults name it; so an edit of it is no edit of the policies."""
    (tmp_path / "weapons.yaml").touch()
    (tmp_path / "_defaults.yaml").write_text(f"background: {name}\n")
    before = look_at(tmp_path)
    (tmp_path / name).write_text("how we work")
    assert look_at(tmp_path) == before
    assert look_at(tmp_path).digest == before.digest
    assert not_taken(tmp_path) == []


def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    """As editors save that empty a file and then write it."""
    path = tmp_path / "weapons.yaml"
    path.write_bytes(b"")
    writing = Timer(policy_folder.SETTLE / 2, path.write_bytes, [b"whole"])
    writing.start()
    reading = settled(tmp_path, Event())
    writing.join()
    assert reading is not None
    assert reading.files[path.as_posix()] == b"whole"


def test_a_folder_that_never_rests_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = iter(range(1000))
    monkeypatch.setattr(policy_folder, "look_at", lambda *_: Reading({"p/a.yaml": b"%d" % next(counted)}))
    monkeypatch.setattr(policy_folder, "SETTLE", 0.001)
    assert settled(tmp_path, Event()) is None
    assert next(counted) <= policy_folder.UNSETTLED + 1


@pytest.fixture
def ticks(tmp_path: Path) -> Iterator[Queue[Reading]]:
    """What is in `tmp_path` whenever it is time to look."""
    (tmp_path / "weapons.yaml").write_bytes(b"one")
    seen: Queue[Reading] = Queue()
    stop = Event()

    def look() -> None:
        for _ in looks(tmp_path, stop):
            seen.put(look_at(tmp_path))

    thread = Thread(target=look)
    thread.start()
    yield seen
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def wait_for(ticks: Queue[Reading], content: bytes) -> None:
    while content not in ticks.get(timeout=PATIENCE).files.values():
        pass


def test_it_is_time_to_look_after_an_edit_and_once_a_second(tmp_path: Path, ticks: Queue[Reading]) -> None:
    wait_for(ticks, b"one")
    (tmp_path / "new.tmp").write_bytes(b"two")
    (tmp_path / "new.tmp").rename(tmp_path / "weapons.yaml")
    wait_for(ticks, b"two")
    ticks.get(timeout=PATIENCE)
    ticks.get(timeout=PATIENCE)


def test_a_swapped_symlink_is_seen(tmp_path: Path, ticks: Queue[Reading]) -> None:
    """As a ConfigMap mount does it: files link through ``..data`` to a folder that is replaced as a whole."""
    for generation in ("first", "second"):
        (tmp_path / f"..{generation}").mkdir()
        (tmp_path / f"..{generation}" / "tobacco.yaml").write_bytes(generation.encode())
    (tmp_path / "..data").symlink_to("..first")
    (tmp_path / "tobacco.yaml").symlink_to("..data/tobacco.yaml")
    wait_for(ticks, b"first")
    (tmp_path / "..next").symlink_to("..second")
    (tmp_path / "..next").rename(tmp_path / "..data")
    wait_for(ticks, b"second")


def test_a_folder_that_goes_away_and_comes_back_is_seen_again(tmp_path: Path, ticks: Queue[Reading]) -> None:
    wait_for(ticks, b"one")
    away = tmp_path.with_name(tmp_path.name + "-away")
    tmp_path.rename(away)
    (away / "weapons.yaml").write_bytes(b"two")
    while not ticks.get(timeout=PATIENCE).problems:
        pass
    away.rename(tmp_path)
    wait_for(ticks, b"two")


def test_where_changes_cannot_be_told_of_looking_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_watches(*_: object, **__: object) -> Iterator[set[object]]:
        raise RuntimeError("no space left on device: inotify watches")

    monkeypatch.setattr(policy_folder, "watch", no_watches)
    monkeypatch.setattr(policy_folder, "LOOK_EVERY_MS", 1)
    stop, seen = Event(), 0
    for _ in looks(tmp_path, stop):
        seen += 1
        if seen == 5:
            stop.set()
    assert seen == 5


def test_no_look_is_late_for_want_of_a_change(ticks: Queue[Reading]) -> None:
    ticks.get(timeout=PATIENCE)
    for _ in range(2):
        try:
            ticks.get(timeout=PATIENCE)
        except Empty:
            pytest.fail("nobody looks any more")
