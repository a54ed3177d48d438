"""What is done to archivers and their stores: afterwards every event stands in the archive once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.stores import BucketStore, StoreOptions
from pipeline.rules.claims import allowed_location
from tests.archive.made import records
from tests.e2e.archive_under_test import ArchiveUnderTest, archive_on
from tests.e2e.pipeline_under_test import ANSWER, START, STOP, Worker
from tests.services import stores
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker

SMALL_DISK = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"']
"""Runs a command with a disk of 1 MiB at the folder that comes first."""
MANY = 400


@pytest.fixture
def make_archive(kafka: KafkaBroker, tmp_path: Path) -> Iterator[Callable[..., ArchiveUnderTest]]:
    with ExitStack() as ending:
        yield lambda **how: ending.enter_context(archive_on(kafka, tmp_path, **how))


def test_kills_between_a_segment_and_its_commit(make_archive: Callable[..., ArchiveUnderTest]) -> None:
    archive, made = make_archive(), records(MANY)
    for number in range(3):
        archive.put(made[number * 100 : number * 100 + 100])
        before = len(archive.segments())
        archiver = archive.archiver(commit_interval=600)
        until(lambda: len(archive.segments()) > before, START, lambda: str(archiver.process))  # noqa: B023
        archiver.process.kill()
        assert archive.kafka.lag(archive.group, archive.features) == number * 100 + 100, "nothing was committed"
    archive.put(made[300:])
    last = archive.archiver()
    archive.wait_until_committed(START)
    archive.holds_once(made)
    assert last.metric("sluice_archive_left_out_total", why="kept") == 300


def test_two_archivers_and_one_of_them_frozen_until_the_group_has_gone_on(
    make_archive: Callable[..., ArchiveUnderTest],
) -> None:
    archive, made = make_archive(partitions=4), records(MANY)
    frozen = archive.archiver(archive_every=20)
    frozen.process.wait_for_http(frozen.url("readyz"), within=START)
    archive.put(made[:200])
    until(lambda: frozen.metric("sluice_archive_open_bytes") > 0, ANSWER, lambda: str(frozen.process))
    frozen.process.pause()
    other = archive.archiver()
    archive.put(made[200:])
    archive.wait_until_committed(START)
    frozen.process.resume()
    until(lambda: frozen.metric("sluice_archive_files_met_total") > 0, ANSWER, lambda: str(frozen.process))
    for each in (frozen, other):
        assert each.process.terminate(STOP) == 0
    archive.holds_once(made)


def test_a_bucket_that_is_away_is_waited_for(make_archive: Callable[..., ArchiveUnderTest]) -> None:
    archive, made = make_archive(), records(MANY)
    with stores.s3_server() as s3, pytest.MonkeyPatch.context() as patched:
        stores.enter(patched)
        s3.make_bucket("archives")
        reached = {"archive_endpoint": s3.endpoint, "archive_timeout": 2}
        archiver = archive.archiver(to="s3://archives/one", env=stores.CREDENTIALS, **reached)
        archive.put(made[:100])
        archive.wait_until_committed(START)
        s3.stop()
        archive.put(made[100:])
        _waits(archiver)
        s3.start()
        archive.wait_until_committed()
        archiver.process.wait_for_http(archiver.url("readyz"))
        assert archiver.logged("store_back")
        location = allowed_location("s3://archives/one")
        with closing(BucketStore(location, StoreOptions(s3_endpoint=s3.endpoint), timeout=ANSWER)) as bucket:
            archive.holds_once(made, bucket)


def test_a_full_disk_is_waited_for(make_archive: Callable[..., ArchiveUnderTest]) -> None:
    archive, made = make_archive(), records(MANY)
    archive.folder.mkdir()
    if subprocess.run([*SMALL_DISK, archive.folder, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be made here")
    archiver = archive.archiver(within=[*SMALL_DISK, str(archive.folder)])
    seen = Path(f"/proc/{archiver.process.pid}/root{archive.folder}")
    archive.put(made[:100])
    archive.wait_until_committed(START)
    _fill(seen / "filler")
    archive.put(made[100:])
    _waits(archiver)
    (seen / "filler").unlink()
    archive.wait_until_committed()
    archive.holds_once(made, FolderStore(seen))
    assert not list(seen.rglob(".part-*")), "nothing half-written is left"


def test_a_store_that_refuses_is_one_line_and_status_2(
    make_archive: Callable[..., ArchiveUnderTest], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    archiver = make_archive().archiver(to=str(tmp_path / "file" / "archive"))
    assert archiver.process.wait(START) == 2
    assert "file" in archiver.last_word


def _waits(archiver: Worker) -> None:
    """It says that the store is away, is not ready, alive for all that, and stays in its group."""
    archiver.wait_for_log("store_away", within=ANSWER)
    archiver.process.wait_for_http(archiver.url("readyz"), status=503)
    archiver.process.wait_for_http(archiver.url("healthz"))
    assert archiver.metric("sluice_archive_store_away") == 1
    assert archiver.metric("sluice_archive_assigned_partitions") > 0


def _fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 14, 1 << 9, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break
