"""``sluice tail --archive``: what an archive holds, by time, without Kafka."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.archive.segments import read_groups
from pipeline.errors import ServiceError, UsageError
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.remembered import remembered
from pipeline.wire import FeaturesRecord, Match, rfc3339
from tests.archive.made import NOON, decision, keep, records, some_signals
from workers.cli import app

DAY = 86_400.0


def flagged(number: int, at: float, score: float, *, shadow: bool = False) -> FeaturesRecord:
    signals = some_signals(2, np.random.default_rng(number))
    match = Match("weapons", "0" * 12, "block", score, 0.5, "a gun", score)
    where = {"shadow": (match,)} if shadow else {"matches": (match,), "verdict": "block"}
    return remembered(decision(number, signals, at, scores={"weapons": score, "other": 0.2}, **where), signals)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two days; on the second, two partitions that take turns, of which one was written out of order."""
    store = FolderStore(tmp_path)
    keep(store, records(3))
    second = NOON + DAY
    keep(store, [flagged(10, second + 4, 0.9), flagged(11, second, 0.6), flagged(12, second + 2, 0.7)], start=10)
    keep(store, [flagged(20, second + 1, 0.8, shadow=True), *records(1, at=second + 3)], start=20, partition=1)
    return tmp_path


def tail(archive: Path, *words: object) -> Result:
    given = ("tail", "--archive", archive, "--bootstrap-servers", "127.0.0.1:1", *words)
    done = CliRunner().invoke(app, [*map(str, given)], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def listed(archive: Path, *words: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in tail(archive, *words, "--json").stdout.splitlines()]


def offsets(found: Sequence[dict[str, Any]]) -> list[int]:
    return [each["source"]["offset"] for each in found]


def test_decisions_come_by_time_whatever_their_partition(archive: Path) -> None:
    found = listed(archive)
    assert offsets(found) == [0, 1, 2, 11, 20, 12, 0, 10]
    assert [each["time"] for each in found] == sorted(each["decided_at"] for each in found)
    first = tail(archive, "--limit", 1).stdout
    assert first.startswith(f"{rfc3339(NOON)} 0@0 allow")
    assert len(first.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--policy", "weapons"], [11, 20, 12, 10]),
        (["--policy", "weapons", "--min-score", "0.7"], [20, 12, 10]),
        (["--policy", "other", "--min-score", "0.7"], []),
        (["--min-score", "0.8"], [20, 10]),
        (["--flagged"], [11, 12, 10]),
        (["--verdict", "block", "--min-score", "0.7"], [12, 10]),
        (["--image", "image-20"], [20]),
        (["--until", rfc3339(NOON + 2)], [0, 1]),
        (["--since", rfc3339(NOON + DAY + 2), "--until", rfc3339(NOON + DAY + 4)], [12, 0]),
    ],
)
def test_filters_join_as_they_do_in_a_topic(archive: Path, words: list[str], meant: list[int]) -> None:
    assert offsets(listed(archive, *words)) == meant


def test_what_is_erased_is_hidden(archive: Path) -> None:
    Archive(FolderStore(archive)).deny_list.add([erased(Kind.IMAGE, "image-12")], rfc3339(NOON))
    assert offsets(listed(archive, "--policy", "weapons")) == [11, 20, 10]


def test_only_days_of_the_window_are_read_and_decisions_of_what_may_be_meant(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[str, list[str]]] = []

    def seen(file: pq.ParquetFile, groups: list[int], columns: list[str], path: str) -> Any:
        read.append((path, columns))
        return read_groups(file, groups, columns, path)

    monkeypatch.setattr("pipeline.archive.archive.read_groups", seen)
    assert offsets(listed(archive, "--since", rfc3339(NOON + DAY - 3600), "--verdict", "block")) == [11, 12, 10]
    assert len({path for path, _ in read}) == 2
    assert {path.split("/")[-1] for path, columns in read if "decision" in columns} == {
        "sluice.features.v1-0-00000000000000000010.parquet"
    }
    assert not {"features", "scores", "matches"} & {name for _, columns in read for name in columns}


def test_nothing_found_is_said_beside_the_results(archive: Path, tmp_path: Path) -> None:
    for words in (["--policy", "nobody"], ["--since", "2099-01-01"]):
        done = tail(archive, *words)
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"sluice: nothing in the archive {archive} is meant by this\n"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ServiceError, match="holds no archive"):
        tail(tmp_path / "empty")


@pytest.mark.parametrize("word", ["--follow", "--from-beginning", "--dead-letters"])
def test_what_is_of_topics_alone_is_one_line(archive: Path, word: str) -> None:
    with pytest.raises(UsageError, match="leave out --follow") as raised:
        tail(archive, word)
    assert len(raised.value.lines) == 1
