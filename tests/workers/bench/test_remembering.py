"""The bench of what remembering costs runs a worker's path with features records and without, turn by turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.api.served import KNIFE, RAINBOW, settings_for, small_judge
from workers.bench import remembering
from workers.bench.remembering import Remembering, as_record, as_table


def test_the_path_is_measured_with_features_records_and_without_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remembering, "ROUNDS", 2)
    kept = list[str]()
    through = remembering.streams.through_memory

    def watched(settings, judge, images):
        kept.append(settings.archive)
        return through(settings, judge, images)

    monkeypatch.setattr(remembering.streams, "through_memory", watched)
    found = Remembering(2, of_model=0.01, of_decode=0.002)
    model = small_judge(tmp_path).model
    for without, beside in remembering.rounds(settings_for(), model, [KNIFE, RAINBOW] * 5, kafka=False):
        found.without.append(without)
        found.beside.append(beside)
    assert sorted(kept) == ["features"] * 3 + ["off"] * 2
    assert all(each > 0 for each in (*found.without, *found.beside))
    assert as_record(found)["rounds"] == 2
    assert as_table(found).row_count == 7


def test_a_share_is_of_all_that_an_image_costs() -> None:
    found = Remembering(2, of_model=0.009, of_decode=0.0005, without=[0.0004, 0.0004], beside=[0.0005, 0.0005])
    assert found.share == pytest.approx(0.01)
    assert found.share_beside_device == pytest.approx(0.1)
