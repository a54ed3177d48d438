"""The bench of an archive puts its questions to real segments, and says how far each is from its limits."""

from __future__ import annotations

import pytest

from workers.bench.archive import backtests, made, searches
from workers.bench.archive.bounds import copied
from workers.bench.archive.run import as_record, as_search_table, as_table, of_memory, of_search


def test_every_limit_and_question_goes_over_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "SEGMENT", 700)
    monkeypatch.setattr(made, "BACKGROUND", 40)
    monkeypatch.setattr(backtests, "BACKGROUND", 40)
    monkeypatch.setattr(made, "POLICIES", 2)
    monkeypatch.setattr(backtests, "ROUNDS", 1)
    monkeypatch.setattr(searches, "ROUNDS", 1)
    written: list[int] = []
    with made.made(1500, written.append) as archive:
        assert written == [700, 700, 100]
        assert copied(archive) == 1500
        found = backtests.backtests(archive)
        searched = searches.searches(archive)
        peaks = [searches.Memory(*searches.peak(archive.folder, 1, what), 0) for what in ("backtest", "search")]
        folder = archive.folder
    assert not folder.exists()
    assert all(cost.images == 1500 for cost in (found.copy, found.plain, found.cast_and_product, found.edited))
    record = as_record(found)
    assert record["rows"] == 1500
    assert record["edited_to_copy"] > 0
    assert record["told_images"] == found.told.images > 0
    assert as_table(found)
    assert searched.cast_and_product.images == searched.one.images == searched.several.images == 1500
    assert all(each.rows == 700 and each.backtest > 10_000_000 for each in peaks)
    assert len(of_memory(peaks)["peak_bytes"]) == 2
    assert of_search(searched)["search_to_cast_and_product"] > 0
    assert as_search_table(searched, peaks)
