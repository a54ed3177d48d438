"""The bench of the API puts the same images through memory, to the desk and over HTTP, and tells what each took."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.api.served import KNIFE, RAINBOW, settings_for, small_judge
from workers.bench.api import measure
from workers.bench.api.report import as_record, as_table


def test_every_way_to_ask_is_measured_in_each_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(measure, "ALONE", 3)
    said = list[str]()
    [found] = measure.rounds(settings_for(), small_judge(tmp_path), [KNIFE, RAINBOW] * 10, said.append)
    assert said == ["round 1 of 1"]
    assert [len(run.seconds) for run in (found.desk_alone, found.http_alone, found.desk, found.http)] == [
        3,
        3,
        20,
        20,
    ]
    assert all(run.p50 > 0 and run.cpu > 0 for run in (found.desk_alone, found.http_alone, found.desk, found.http))
    assert found.memory.count == 20
    record = as_record([found])
    assert record["to_memory"] == round(found.http.rate / found.memory.cost().rate, 3)
    assert record["added_p50_ms"] == round((found.http_alone.p50 - found.desk_alone.p50) * 1000, 3)
    assert as_table([found])
