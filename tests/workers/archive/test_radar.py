"""``sluice archive radar``: new things by name, with pictures and the command that goes on from them."""

from __future__ import annotations

import inspect
import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import ServiceError, UsageError
from tests.archive.made import MADE_BY
from tests.lab.radar.test_radar import THINGS, WORLD, world
from workers import assembly
from workers.commands.archive.radar import radar


class Words:
    """An encoder that knows things by their number."""

    spec = SimpleNamespace(context_length=77, fingerprint="f00d", features=WORLD.shape[1])

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def encode_texts(self, texts: list[str]) -> np.ndarray:
        return np.stack([WORLD[int(text.split("thing ")[1].split()[0].rstrip(".,"))] for text in texts])


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    store, made = FolderStore(folder), world(1, planted=25)
    for each in made.list():
        store.create(each.path, made.read(each.path))
    model = SimpleNamespace(encoder=Words(), provenance=MADE_BY)
    monkeypatch.setattr(assembly, "load_model", lambda *_args, **_how: model)
    return folder


@pytest.fixture
def phrases(tmp_path: Path) -> Path:
    file = tmp_path / "phrases.txt"
    file.write_text("".join(f"thing {at}\n\n" for at in range(len(WORLD))))
    return file


def run(archive: Path, phrases: Path, **how: object) -> None:
    every = {name: each.default for name, each in inspect.signature(radar).parameters.items()}
    radar(**(every | {"archive": str(archive), "vocabulary": phrases} | how))


def test_what_is_new_is_named_with_the_command_that_makes_a_policy_of_it(
    archive: Path, phrases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new.html"
    run(archive, phrases, html=page)
    said = capsys.readouterr().out
    assert f"images: thing {THINGS} /" in said
    command = next(line for line in said.splitlines() if "sluice search" in line)
    assert shlex.split(command) == [
        *("sluice", "search", f"thing {THINGS}", "--as-policy", f"radar-thing-{THINGS}"),
        *("--since", "2026-09-23", "--archive", str(archive)),
    ]
    html = page.read_text()
    assert "data:image/webp;base64," in html
    assert "no picture is kept" in html
    assert "<script" not in html


def test_json_says_how_much_was_looked_at(archive: Path, phrases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(archive, phrases, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["day"], said["images"], said["month"]) == ("2026-09-23", 1_025, 2_000)
    [cluster] = said["clusters"]
    assert cluster["size"] >= said["enough"]


def test_a_day_with_too_little_before_it_is_said(archive: Path, phrases: Path) -> None:
    with pytest.raises(ServiceError, match="fewer than 500 images"):
        run(archive, phrases, day="2026-09-21")


def test_a_vocabulary_that_is_not_there_or_empty_is_said(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        run(archive, tmp_path / "none.txt")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UsageError, match="has no phrase"):
        run(archive, tmp_path / "empty.txt")
