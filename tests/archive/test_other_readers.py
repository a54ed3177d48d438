"""Strangers read the archive as it lies there: DuckDB by what the manual says, and pyarrow's datasets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.dataset as ds
import pytest
from msgspec import structs

from pipeline.adapters.local.store import FolderStore
from pipeline.rules.archive.remembered import signals_of
from pipeline.wire import FeaturesRecord, Match
from tests.archive.made import NOON, keep, records
from tests.services.processes import ROOT

DAY = 86_400.0
MANUAL = (ROOT / "deploy" / "README.md").read_text()
EXAMPLES = re.findall(r"```sql\n(.*?)```", MANUAL, re.DOTALL)


def flagged(record: FeaturesRecord, *policies: str, shadow: tuple[str, ...] = ()) -> FeaturesRecord:
    decision = structs.replace(
        record.decision, verdict="block", matches=[*map(match, policies)], shadow=[*map(match, shadow)]
    )
    return structs.replace(record, decision=decision)


def match(policy: str) -> Match:
    return Match(policy, "0" * 12, "block", 0.9, 0.8, "a knife", 0.5)


@pytest.fixture
def made() -> list[FeaturesRecord]:
    """Ten images on each of two days, of which every third is flagged."""
    every = [*records(10), *records(20, at=NOON + DAY, seed=1)[10:]]
    return [
        flagged(each, "weapons", *(("smoking",) if number % 2 else ()), shadow=("gambling",))
        if number % 3 == 0
        else each
        for number, each in enumerate(every)
    ]


@pytest.fixture
def archive(tmp_path: Path, made: list[FeaturesRecord]) -> Path:
    store = FolderStore(tmp_path / "it's an archive")
    keep(store, made[:10])
    keep(store, made[10:], start=10)
    store.create("policies/0123456789ab.json", b"{}")
    return tmp_path / "it's an archive"


def answer(example: str, archive: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(example.replace("ARCHIVE", str(archive).replace("'", "''"))).fetchall()


def test_duckdb_counts_what_was_flagged_per_day_and_policy_as_the_manual_says(archive: Path) -> None:
    found = [(str(day), *rest) for day, *rest in answer(EXAMPLES[0], archive)]
    assert found == [
        ("2026-09-21", "smoking", "block", 2),
        ("2026-09-21", "weapons", "block", 4),
        ("2026-09-22", "smoking", "block", 1),
        ("2026-09-22", "weapons", "block", 3),
    ]


def test_duckdb_unpacks_features_as_the_manual_says(archive: Path, made: list[FeaturesRecord]) -> None:
    found = {(image, view): features for image, view, features in answer(EXAMPLES[1], archive)}
    wanted = {
        (record.decision.image_id, view): features
        for record in made
        if record.decision.verdict == "block"
        for view, features in enumerate(signals_of(record).features)
    }
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(np.array(found[each], np.float32), wanted[each]) for each in wanted)


def test_a_dataset_finds_the_days_and_the_very_bytes(archive: Path, made: list[FeaturesRecord]) -> None:
    every = ds.dataset(archive, format="parquet", partitioning="hive", exclude_invalid_files=True)
    second = every.to_table(filter=ds.field("day") == "2026-09-22", columns=["features", "model", "scores"])
    assert set(second["model"].to_pylist()) == {"f00d"}
    assert b"".join(second["features"].to_pylist()) == b"".join(each.features for each in made[10:])
    assert every.count_rows(filter=ds.field("view") == 0) == len(made)
