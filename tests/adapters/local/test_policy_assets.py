"""Files that policies name beside themselves: found by name and glob, and read again only where they have changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.adapters.local import policy_assets
from pipeline.adapters.local.policy_assets import AssetFiles
from pipeline.adapters.local.policy_folder import look_at, policies_in
from pipeline.errors import PolicyError
from pipeline.rules.policies.assets import Asset

POLICY = """title: Vapes
prompts: [a vape]
actions: {review: 0.5}
examples:
  match: [examples/vape-*.jpg]
  look_alike: [./pen.jpg]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "examples").mkdir()
    for name in ("vape-1.jpg", "vape-2.jpg", ".vape-3.jpg", "other.jpg"):
        (tmp_path / "examples" / name).write_bytes(name.encode())
    (tmp_path / "pen.jpg").write_bytes(b"pen")
    (tmp_path / "vapes.yaml").write_text(POLICY)
    return tmp_path


def assets(folder: Path) -> dict[str, Asset]:
    return dict(look_at(folder).assets)


def test_what_names_and_globs_mean_is_read(folder: Path) -> None:
    assert {path: asset.content for path, asset in assets(folder).items()} == {
        "examples/vape-1.jpg": b"vape-1.jpg",
        "examples/vape-2.jpg": b"vape-2.jpg",
        "pen.jpg": b"pen",
    }
    policy = policies_in(folder).policies[0]
    assert [each.path for each in policy.examples.match] == ["examples/vape-1.jpg", "examples/vape-2.jpg"]
    assert [each.path for each in policy.examples.look_alike] == ["pen.jpg"]


def test_a_look_reads_again_only_what_has_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, opened = list[str](), policy_assets.opened
    monkeypatch.setattr(policy_assets, "opened", lambda path, what: (read.append(path.name), opened(path, what))[1])
    beside = AssetFiles(folder)
    first = look_at(folder, beside)
    assert sorted(read) == ["pen.jpg", "vape-1.jpg", "vape-2.jpg"]
    assert look_at(folder, beside).digest == first.digest
    assert len(read) == 3
    (folder / "pen.jpg").write_bytes(b"ink")
    assert look_at(folder, beside).digest != first.digest
    assert read[3:] == ["pen.jpg"]


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_file_that_comes_or_goes_is_an_edit(folder: Path, change: str) -> None:
    before = look_at(folder).digest
    if change == "added":
        (folder / "examples" / "vape-9.jpg").write_bytes(b"nine")
    else:
        (folder / "pen.jpg").unlink()
    assert look_at(folder).digest != before


def test_what_is_no_file_is_said_and_never_waited_for(folder: Path) -> None:
    (folder / "pen.jpg").unlink()
    os.mkfifo(folder / "pen.jpg")
    (folder / "examples" / "vape-1.jpg").unlink()
    (folder / "examples" / "vape-1.jpg").symlink_to("nowhere")
    (folder / "examples" / "vape-2.jpg").unlink()
    (folder / "examples" / "vape-2.jpg").mkdir()
    with pytest.raises(PolicyError) as refused:
        policies_in(folder)
    assert [str(each).replace(f"{folder}/", "") for each in refused.value.problems] == [
        "vapes.yaml:5: 'examples/vape-1.jpg' is a link to what is not there; delete it, or put the file there",
        "vapes.yaml:5: 'examples/vape-2.jpg' cannot be read: a folder, and assets are files; rename it",
        "vapes.yaml:6: 'pen.jpg' cannot be read: a pipe, socket or device, and assets are files; rename it",
    ]


def test_a_mounted_config_map_is_made_of_links(folder: Path) -> None:
    (folder / "..data").mkdir()
    (folder / "pen.jpg").rename(folder / "..data" / "pen.jpg")
    (folder / "pen.jpg").symlink_to("..data/pen.jpg")
    assert assets(folder)["pen.jpg"].content == b"pen"


def test_too_many_and_too_large_files_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_assets, "MOST_ASSETS", 2)
    assert [bool(asset.problem) for asset in assets(folder).values()] == [False, False, True]
    monkeypatch.setattr(policy_assets, "MOST_ASSETS", 9)
    monkeypatch.setattr(policy_assets, "MOST_BYTES_EACH", 9)
    assert assets(folder)["examples/vape-1.jpg"].problem == "has 10 bytes; the most is 9"
    monkeypatch.setattr(policy_assets, "MOST_BYTES_EACH", 99)
    monkeypatch.setattr(policy_assets, "MOST_BYTES_IN_ALL", 20)
    assert [bool(asset.problem) for asset in assets(folder).values()] == [False, False, True]
