"""What an archive says by itself, where no Kafka broker is there to be asked as well."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.remembered import remembered
from pipeline.wire import rfc3339
from tests.archive.made import NOON, decision, keep, records, some_signals
from workers import cli
from workers.history import searching
from workers.services import kafka_connection
from workers.settings import Settings

NOBODY = ("--bootstrap-servers", "127.0.0.1:1")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    keep(FolderStore(folder), records(5))
    return folder


def nobody(settings: Settings, name: str) -> NoReturn:
    raise kafka_connection(settings).away()


class Asking:
    """Runs `sluice` without a broker: its exit status, output and lines of stderr."""

    def __init__(self, patch: pytest.MonkeyPatch, streams: pytest.CaptureFixture[str]) -> None:
        self._patch, self._streams = patch, streams

    def __call__(self, *words: object) -> tuple[int, str, list[str]]:
        self._patch.setattr("sys.argv", ["sluice", *map(str, words), *NOBODY])
        status = cli._status()
        out, err = self._streams.readouterr()
        return status, out, err.splitlines()


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asking:
    monkeypatch.setattr(searching, "kafka_topic", nobody)  # a client tries for ten seconds
    return Asking(monkeypatch, capsys)


def test_an_id_that_the_archive_has_not_is_unknown_with_status_1_and_one_line(ask: Asking, archive: Path) -> None:
    Archive(FolderStore(archive)).deny_list.add([erased(Kind.IMAGE, "image-3")], rfc3339(NOON))
    for name in ("nope", "image-3", f"{3:032x}"):
        status, out, [line] = ask("decision", name, "--archive", archive)
        assert (status, out) == (1, "")
        assert f"no decision, event or image is called {name} in {archive}, 1 segments; the topics could not" in line
        assert "no Kafka broker answers at 127.0.0.1:1" in line
    assert ask("decision", "image-2", "--archive", archive)[0] == 0


def test_who_asks_the_topics_alone_or_by_all_means_is_told_that_no_broker_is_there(
    ask: Asking, archive: Path
) -> None:
    status, _, [line] = ask("decision", "nope")
    assert (status, "no Kafka broker answers" in line) == (2, True)
    status, out, [line] = ask("decision", "image-2", "--topics", "--archive", archive)
    assert (status, out, "nothing there is called so" in line) == (2, "", False)
    status, _, [line] = ask("decision", "nope", "--topics", "--archive", archive)
    assert (status, "nothing there is called so; no Kafka broker" in line) == (2, True)


@pytest.mark.parametrize("command", ["replay", "explain"])
def test_what_needs_a_decision_cannot_do_without_and_says_why(ask: Asking, archive: Path, command: str) -> None:
    status, out, [line] = ask(command, "nope", "--archive", archive)
    assert (status, out) == (2, "")
    assert f"{archive}, 1 segments: nothing there is called so; no Kafka broker answers" in line


def test_a_picture_whose_path_is_an_id_is_no_file_of_decisions(ask: Asking, archive: Path, tmp_path: Path) -> None:
    picture = tmp_path / "one.jpg"
    picture.write_bytes(b"\xff\xd8\xff\xe0 a picture\n")
    status, _, [line] = ask("replay", picture, "--archive", archive)
    assert status == 2
    assert f"{picture} is no file of decisions, and as an id it cannot be looked up: {archive}, 1 segments:" in line
    signals = some_signals(1, np.random.default_rng(0))
    keep(FolderStore(archive), [remembered(decision(9, signals, image_id=str(picture)), signals)], start=9)
    status, _, lines = ask("replay", picture, "--archive", archive, "--model", "bundled")
    assert status == 2
    assert "was decided" in lines[-1], "it is found, and cannot be made again with another model"


@pytest.mark.parametrize(
    ("text", "said"), [("{}", ":1: not a decision"), (' [\n"', ":1: not a decision"), ("", "holds no")]
)
def test_what_begins_as_json_is_a_file_of_decisions(ask: Asking, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "decisions.jsonl"
    file.write_text(text)
    status, _, [line] = ask("replay", file)
    assert (status, said in line) == (2, True)
