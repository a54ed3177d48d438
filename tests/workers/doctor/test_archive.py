"""What ``sluice doctor`` says of an archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import StoreError
from tests.archive.made import keep, records
from tests.services import stores
from tests.services.bucket_server import bucket_server
from tests.services.processes import HOST, free_port
from workers.doctor.archive import archive
from workers.settings.resolved import load_settings


def test_where_none_is_named_nothing_is_wrong() -> None:
    assert archive(load_settings({})).status == "ok"
    assert archive(load_settings({"archive": "features"})).status == "ok"


def test_a_folder_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    found = archive(load_settings({"archive_at": str(tmp_path / "a" / "b")}))
    assert (found.status, "not there yet" in found.found) == ("warn", True)
    assert list(tmp_path.iterdir()) == []
    assert archive(load_settings({"archive_at": "/proc/self/none"})).status == "fail"


def test_what_is_there_is_counted_and_left_as_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keep(store, records(5))
    before = list(store.list())
    found = archive(load_settings({"archive_at": str(tmp_path), "archive_segment_bytes": 1}))
    assert found.status == "ok"
    assert "1 segment of model f00d, the newest of 2026-09-21; it can be written" in found.found
    assert list(store.list()) == before
    full = archive(load_settings({"archive_at": str(tmp_path), "archive_segment_bytes": 1 << 60}))
    assert (full.status, "MiB free" in full.found) == ("warn", True)


def test_a_bucket_that_may_only_be_read_and_one_that_is_away_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    stores.enter(monkeypatch)
    where = {"archive_at": "gs://archives/live", "archive_timeout": 5.0}
    with bucket_server() as bucket:
        settings = load_settings({**where, "archive_endpoint": bucket.endpoint})
        assert "no segments; it can be written" in archive(settings).found
        assert bucket.objects == {}
        bucket.read_only = True
        found = archive(settings)
    assert (found.status, "403 AccessDenied" in found.found) == ("warn", True)
    assert "enough for commands that read" in found.todo
    assert "credentials" in found.todo
    with pytest.raises(StoreError, match="gs://archives/live"):
        archive(load_settings({**where, "archive_endpoint": f"http://{HOST}:{free_port()}", "archive_timeout": 2.0}))
