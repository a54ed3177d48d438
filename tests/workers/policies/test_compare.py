"""``sluice policy compare``: what the command says, of an archive and of a topic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import ServiceError, UsageError
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Event, decision_json
from tests.archive.made import NOON, keep
from tests.lab.comparing.test_comparing import by_day, made
from workers.cli import app
from workers.policies.compare import decisions, once


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, start = tmp_path_factory.mktemp("archive"), 0
    for records in by_day(made()):
        keep(FolderStore(folder), records, start=start)
        start += len(records)
    return folder


def compare(*words: object) -> Any:
    return CliRunner().invoke(app, ["policy", "compare", *map(str, words)], standalone_mode=False)


def test_it_prints_tables_figures_and_some_images(archive: Path, tmp_path: Path) -> None:
    html = tmp_path / "page.html"
    shown = compare("live", "newer", "--archive", archive, "--html", html)
    assert shown.exception is None, shown.exception
    assert "A live, B newer: 389 images that both scored" in shown.stdout
    assert "both flag         216" in shown.stdout
    assert "reviews a day, newer" in shown.stdout
    assert "only A flags: 5 of 75 images, drawn by chance" in shown.stdout
    assert "10 decisions are left out" in shown.stdout
    assert html.read_text().count("class=veil") > 5


def test_a_window_and_a_limit_hold_in_json(archive: Path) -> None:
    told = json.loads(
        compare("live", "newer", "--archive", archive, "--until", _iso(NOON + 3000), "-n", 1, "--json").stdout
    )
    assert told["images"] == 10
    assert len(told["told_only_a"]) == 1


def test_a_policy_that_was_never_scored_is_named_with_those_that_were(archive: Path) -> None:
    found = compare("live", "newest", "--archive", archive).exception
    assert isinstance(found, ServiceError)
    assert str(found).endswith("has a score of newest; scored are live, newer, other")


def test_a_slip_in_an_id_is_answered_with_the_nearest_that_was_scored(archive: Path) -> None:
    found = compare("life", "newre", "--archive", archive).exception
    assert str(found).startswith("life: did you mean 'live'? newre: did you mean 'newer'? no decision in ")


def test_a_policy_is_not_compared_with_itself() -> None:
    assert isinstance(compare("live", "live").exception, UsageError)


def test_decisions_that_are_published_again_count_once_and_others_are_passed_over() -> None:
    said = [decision_json(each.decision) for each in made()[:3]]
    values = [said[0], said[1], b"{", said[0], said[2]]
    records = [Event("d", 0, at, None, value, timestamp=NOON + at) for at, value in enumerate(values)]
    assert [each.image_id for each in once(decisions(records, ALWAYS))] == ["image-0", "image-1", "image-2"]
    assert [each.image_id for each in decisions(records, Window(NOON + 1, NOON + 2))] == ["image-1"]


def _iso(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat()
