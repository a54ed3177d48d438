"""The last good policies on disk: kept whole, never mixed up, never a reason to stop."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pipeline.adapters.local.last_good import LastGood
from pipeline.adapters.local.policy_folder import Reading
from pipeline.rules.policies.assets import Asset
from pipeline.rules.policies.files import BUILT_IN

FILES = {
    "/etc/policies/weapons.yaml": b"title: W\r\n",
    "/etc/policies/_defaults.yaml": b"\xef\xbb\xbfa: b\n",
    BUILT_IN: b"a\n",
}


def kept_in(state: Path, policies: str = "/etc/policies", group: str = "sluice") -> LastGood:
    return LastGood(state, Path(policies), group)


def test_what_is_kept_comes_back_byte_for_byte_in_another_process(tmp_path: Path) -> None:
    kept_in(tmp_path / "new" / "state").keep(FILES)
    assert kept_in(tmp_path / "new" / "state").read() == Reading(FILES)


def test_without_any_there_is_none_and_nothing_to_say(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert kept_in(tmp_path).read() is None
    assert logs == []


@pytest.mark.parametrize(
    "other", [("/etc/others", "sluice"), ("/etc/policies", "staging"), ("/etc", "policies\nsluice")]
)
def test_another_folder_or_group_has_its_own(tmp_path: Path, other: tuple[str, str]) -> None:
    kept_in(tmp_path).keep(FILES)
    assert kept_in(tmp_path, *other).read() is None
    kept_in(tmp_path, *other).keep({BUILT_IN: b"other\n"})
    assert kept_in(tmp_path).read() == Reading(FILES)


def test_a_folder_whose_name_is_not_utf8_has_its_own(tmp_path: Path) -> None:
    folder = os.fsdecode(b"/etc/caf\xe9")
    files = {f"{folder}/weapons.yaml": b"title: W\n"}
    kept_in(tmp_path, folder).keep(files)
    assert kept_in(tmp_path, folder).read() == Reading(files)


def test_a_file_that_was_copied_from_another_folder_is_not_taken(tmp_path: Path) -> None:
    theirs, mine = kept_in(tmp_path, "/etc/others"), kept_in(tmp_path)
    theirs.keep(FILES)
    theirs.path.rename(mine.path)
    with capture_logs() as logs:
        assert mine.read() is None
    assert [each["event"] for each in logs] == ["last_good_policies_unreadable"]


def test_the_folder_behind_a_link_that_is_swapped_stays_the_same_folder(tmp_path: Path) -> None:
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
    (tmp_path / "current").symlink_to("one")
    before = kept_in(tmp_path, str(tmp_path / "current")).path
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("two")
    assert kept_in(tmp_path, str(tmp_path / "current")).path == before


@given(st.data())
def test_damage_anywhere_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kept = kept_in(tmp_path_factory.mktemp("state"))
    kept.keep(FILES)
    whole = kept.path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    kept.path.write_bytes(data.draw(st.sampled_from([whole[:place], whole[:place] + b"x" + whole[place + 1 :]])))
    found = kept.read()
    assert found is None or found == Reading(FILES)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"files": 3}', b"\xff", b"[" * 100_000])
def test_rubbish_is_none(tmp_path: Path, content: bytes) -> None:
    kept = kept_in(tmp_path)
    kept.path.write_bytes(content)
    assert kept.read() is None


def test_a_place_that_cannot_be_written_is_said_once_and_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = kept_in(tmp_path / "file" / "state")
    with capture_logs() as logs:
        kept.keep(FILES)
        kept.keep({BUILT_IN: b"another\n"})
        assert kept.read() is None
    assert [each["event"] for each in logs].count("last_good_policies_not_kept") == 1
    assert "--state" in logs[0]["reason"]


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = kept_in(tmp_path)
    kept.keep(FILES)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    kept.keep({BUILT_IN: b"another\n"})
    assert kept.read() == Reading(FILES)
    assert [path.name for path in tmp_path.iterdir()] == [kept.path.name]


def test_it_can_be_read_by_people_and_by_nobody_else(tmp_path: Path) -> None:
    kept = kept_in(tmp_path / "state")
    kept.keep(FILES)
    assert json.loads(kept.path.read_text())["files"]["weapons.yaml"] == "title: W\r\n"
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def asset(path: str, content: bytes) -> Asset:
    return Asset(path, sha256(content).hexdigest(), content)


def test_what_lies_beside_the_policies_is_kept_with_them_and_goes_with_them(tmp_path: Path) -> None:
    kept, one, two = kept_in(tmp_path), asset("examples/one.jpg", b"one"), asset("two.csv", b"two")
    kept.keep(FILES, {each.path: each for each in (one, two)})
    assert kept_in(tmp_path).read() == Reading(FILES, assets={one.path: one, two.path: two})
    kept.keep(FILES, {one.path: one})
    assert kept_in(tmp_path).read() == Reading(FILES, assets={one.path: one})
    assert [path.read_bytes() for path in kept.path.with_suffix("").iterdir()] == [b"one"]
    kept.keep(FILES)
    assert kept_in(tmp_path).read() == Reading(FILES)


def test_a_kept_picture_that_is_damaged_says_so(tmp_path: Path) -> None:
    kept, one = kept_in(tmp_path), asset("one.jpg", b"one")
    kept.keep(FILES, {one.path: one})
    next(kept.path.with_suffix("").iterdir()).write_bytes(b"other")
    found = kept.read()
    assert found is not None
    assert found.assets["one.jpg"].problem.startswith("is damaged, or not there")
