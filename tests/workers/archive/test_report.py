"""``sluice archive report``: a table, a page, JSON and gauges say the same."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import ServiceError, UsageError
from tests.archive.made import keep
from tests.lab.drift.days import OTHER, day_of_images, month
from workers.commands.archive.report import report


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    store, made = FolderStore(folder), month(np.random.default_rng(1), images=40, last=0.3)
    for each in made.list():
        store.create(each.path, made.read(each.path))
    records = day_of_images(20, np.ones((3, 16)), np.full(3, 0.1), made_by=OTHER)
    keep(store, records, start=9_000_000)
    return folder


def run(archive: Path, **how: object) -> None:
    every = {name: each.default for name, each in inspect.signature(report).parameters.items()}
    report(**(every | {"archive": str(archive)} | how))


def test_the_table_says_that_scores_and_images_drift(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(archive)
    said = capsys.readouterr()
    text = " ".join(said.out.split())
    assert "2026-10-11 40 40" in text
    assert "knives" in text
    assert "drift (0.05)" in text
    assert "features: drift (0.05)" in text
    assert "2026-10-11 beside 20 of the 30 days before" in text
    assert "segments left out: 1; compared are rows of model f00d" in said.err


def test_json_the_page_and_gauges_say_the_same(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, gauges = tmp_path / "page.html", tmp_path / "drift.prom"
    run(archive, as_json=True, html=page, to_prometheus=gauges)
    said = json.loads(capsys.readouterr().out)
    [policy] = said["policies"]
    found = {
        (each.name, *each.labels.values()): each.value
        for family in text_string_to_metric_families(gauges.read_text())
        for each in family.samples
    }
    assert found["sluice_drift_match_ratio", "day", "knives"] == policy["rate"]["value"]
    assert found["sluice_drift_match_ratio", "month", "knives"] == policy["rate_before"]["value"]
    assert found["sluice_drift_score_stability", "knives"] == policy["stability"]
    assert found["sluice_drift_score_chance", "knives"] == pytest.approx(1 / 21)
    assert found["sluice_drift_feature_discrepancy",] == said["features"]["discrepancy"]
    assert found["sluice_drift_day_timestamp_seconds",] == 1_791_676_800
    html = page.read_text()
    assert html.count("<svg") == 4
    assert "knives" in html
    assert "<script" not in html


def test_a_day_without_rows_and_what_is_no_day_are_said(archive: Path) -> None:
    with pytest.raises(ServiceError, match=r"it has rows of 2026-09-21 to 2026-10-11"):
        run(archive, day="2020-01-01")
    with pytest.raises(UsageError, match=r"--day yesterday: that is no day"):
        run(archive, day="yesterday")


def test_a_first_day_is_reported_without_a_month(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(archive, day="2026-09-21")
    assert "there is no day before to compare with" in capsys.readouterr().out
