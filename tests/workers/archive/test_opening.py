"""Which archive a command reads, what of it, and what is said where nothing is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import UsageError
from pipeline.rules.times import ALWAYS, Window
from pipeline.signals import Provenance
from pipeline.wire import FeaturesRecord, ModelRef
from tests.archive.made import MADE_BY, NOON, keep, records
from tests.services import stores as servers
from workers.archive.opening import nothing_in, opened_archive, segments_in, segments_made_by
from workers.settings import load_settings
from workers.settings.times import window_of

DAY = 86_400.0


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    servers.enter(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An archive of ten events on each of two days."""
    store = FolderStore(tmp_path / "archive")
    keep(store, records(10))
    keep(store, records(10, at=NOON + DAY), start=10)
    return tmp_path / "archive"


def settings(**given: Any) -> Any:
    return load_settings(given)


def of_preprocess(record: FeaturesRecord, name: str) -> FeaturesRecord:
    return structs.replace(record, decision=structs.replace(record.decision, preprocess=name))


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/"])
def test_an_archive_is_opened_where_it_is_said_to_be(folder: Path, form: str) -> None:
    with opened_archive(settings(), form.format(folder)) as archive:
        assert len(segments_in(archive, ALWAYS)) == 2


def test_what_is_said_counts_before_the_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_ARCHIVE_AT", str(folder))
    with opened_archive(settings(), None) as archive:
        assert len(archive.segments()) == 2
    monkeypatch.setenv("SLUICE_ARCHIVE_AT", str(folder / "elsewhere"))
    with opened_archive(settings(), str(folder)) as archive:
        assert len(archive.segments()) == 2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "SLUICE_ARCHIVE_AT"),
        ("nowhere", "nowhere is not there"),
        ("ftp://there", "s3://"),
        ("s3://", "bucket"),
        ("s3://bucket/../part", "empty parts"),
    ],
)
def test_what_is_no_archive_is_said_with_what_to_do(address: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said), opened_archive(settings(), address):
        pass


def test_a_setting_that_is_no_address_is_said_before_any_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_ARCHIVE_AT", "ftp://there")
    with pytest.raises(UsageError, match=r"SLUICE_ARCHIVE_AT.* folder"):
        settings()


def test_a_window_without_rows_is_said_with_the_days_that_there_are(folder: Path) -> None:
    window = Window(until=NOON - 100 * DAY)
    with opened_archive(settings(), str(folder)) as archive:
        with pytest.raises(UsageError, match=r"no rows before 2026-06-13.*rows of 2026-09-21 to 2026-09-22"):
            segments_in(archive, window)
        window = Window(NOON + 20, NOON + 21)
        assert not list(archive.blocks(segments_in(archive, window), [], window))
        assert "from 2026-09-21 14:13:40 UTC on before" in str(nothing_in(archive, window))


def test_a_folder_without_an_archive_is_said(tmp_path: Path) -> None:
    with opened_archive(settings(), str(tmp_path)) as archive, pytest.raises(UsageError, match="holds no archive"):
        segments_in(archive, ALWAYS)


def test_an_event_is_meant_that_was_decided_from_then_on_and_before_then(folder: Path) -> None:
    with opened_archive(settings(), str(folder)) as archive:
        window = Window(NOON + 3, NOON + DAY + 4)
        blocks = list(archive.blocks(segments_in(archive, window), ["event_id", "features"], window))
        assert [block.column("event_id")[0].as_py() for block in blocks] == [f"{3:032x}", f"{0:032x}"]
        assert [block.events for block in blocks] == [7, 4]
        assert [len(block.features) for block in blocks] == [13, 7]


def test_times_are_typed_as_for_dead_letters() -> None:
    window = window_of("2026-09-21T13:00+02:00", "2026-09-22")
    assert window == Window(1_789_988_400.0, 1_790_035_200.0)
    with pytest.raises(UsageError, match="--since"):
        window_of("tomorrow", None)
    with pytest.raises(UsageError, match="not before"):
        window_of("1d", "2d")


def test_segments_of_another_model_or_preprocessing_are_counted_with_a_line_and_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened_archive(settings(), str(folder)) as archive:
        every = segments_in(archive, ALWAYS)
        assert segments_made_by(archive, ALWAYS, MADE_BY) == every
        assert capsys.readouterr().err == ""
        other = replace(MADE_BY, preprocess="exact-64")
        keep(
            archive.store,
            [of_preprocess(each, "exact-64") for each in records(2)],
        )
        assert segments_made_by(archive, ALWAYS, MADE_BY) == every
        said = capsys.readouterr().err
        assert "left out: 1 of model f00d by exact-64" in said
        assert said.count("\n") == 1
        assert [each.name.group.preprocess for each in segments_made_by(archive, ALWAYS, other)] == ["exact-64"]
        assert "left out: 2 of model f00d by fast-64" in capsys.readouterr().err
        with pytest.raises(UsageError, match="no rows of model beef by fast-64, only of model f00d by exact-64 or"):
            segments_made_by(archive, ALWAYS, Provenance(ModelRef("tiny", "beef", "float32"), "fast-64"))
