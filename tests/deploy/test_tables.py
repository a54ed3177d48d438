"""The tables of the operators' page say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy import tables
from workers.settings import Settings, variable


def test_the_page_is_up_to_date() -> None:
    page = tables.PAGE.read_text()
    assert page == tables.with_tables(page), f"{tables.PAGE} is out of date: run `{tables.COMMAND}`"


def test_every_setting_has_a_row_with_its_variable_and_description() -> None:
    rows = [line.split(" | ") for line in tables.settings_table().splitlines() if line.startswith("| `")]
    assert {row[1].strip("`") for row in rows} == {variable(name) for name in Settings.model_fields}
    assert all(row[-1].removesuffix(" |").endswith(".") for row in rows)


def test_the_settings_read_alike_on_every_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = tables.settings_table()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_CORES", "3")
    assert tables.settings_table() == before
    assert str(tables.DEPLOY.parent) not in before


def test_each_row_of_every_table_has_as_many_cells_as_its_head() -> None:
    for table in (tables.settings_table(), tables.metrics_table(), tables.alerts_table()):
        assert {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")} == {5}


def test_a_page_without_a_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="<!-- metrics -->"):
        tables.with_tables("<!-- settings --><!-- /settings -->")
