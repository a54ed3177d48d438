"""Sets from npm become folders of drawings, without a connection: npm is a stand-in here."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ServiceError
from pipeline.lab.hands.fetch import LICENCE_FILE, SETS, Set, fetch, write_hand
from pipeline.lab.hands.folder import read_hand
from pipeline.lab.scenes.lexicon import index_of

BODY = '<path fill="#f00" d="M0 0h30v30H0z"/>'
ICONS = {
    "icons": {
        "hocho": {"body": BODY},
        "dog": {"body": BODY, "width": 72},
        "waving-hand-light": {"body": BODY},
        "kitchen-knife": {"body": BODY},
    },
    "width": 36,
    "height": 36,
}
CHARS = {"1f52a": "hocho", "1f44b-1f3fb": "waving-hand-light"}
NPM = """#!/bin/sh
[ "$1" = pack ] || exit 9
case "$*" in *missing*) echo "npm error 404 no such package" >&2; exit 1;; esac
cp "{package}" set-1.0.0.tgz && echo set-1.0.0.tgz
"""


def packed(path: Path, files: dict[str, Any]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = packed(tmp_path / "package.tgz", {"icons.json": ICONS, "chars.json": CHARS})
    script = tmp_path / "npm"
    script.write_text(NPM.format(package=package))
    script.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(script))


@pytest.mark.usefixtures("npm")
def test_a_set_becomes_a_folder_that_is_read_as_a_hand(tmp_path: Path) -> None:
    counts = fetch(tmp_path / "hands", [Set("some", "MIT")])
    assert counts == {"some": 2}, "one knife, one dog, no sequence"
    folder = tmp_path / "hands" / "some"
    assert sorted(path.name for path in folder.iterdir()) == ["1f415.svg", "1f52a.svg", LICENCE_FILE]
    assert (folder / LICENCE_FILE).read_text() == "@iconify-json/some: MIT\n"
    hand = read_hand(folder)
    assert set(hand.things) == {index_of("kitchen knife"), index_of("dog")}
    assert hand.left_out == ()


@pytest.mark.usefixtures("npm")
def test_a_set_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"@iconify-json/missing failed \(npm error 404 no such package\)"):
        fetch(tmp_path, [Set("missing", "")])


def test_without_npm_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ServiceError, match="npm is not installed"):
        fetch(tmp_path)


def test_names_of_other_sets_help_one_that_has_no_code_points(tmp_path: Path) -> None:
    assert write_hand(tmp_path, SETS[0], ICONS, {}) == 2, "kitchen-knife and dog are names that CLDR has"
    assert (tmp_path / "1f52a.svg").exists()
    assert 'width="72"' in (tmp_path / "1f415.svg").read_text()


def test_what_measures_is_marked() -> None:
    assert [each.name for each in SETS if each.measures] == ["openmoji"]
    assert all(each.licence for each in SETS)
