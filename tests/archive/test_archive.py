from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive import segments
from pipeline.archive.archive import SIGNALS, Archive, Block, Segment
from pipeline.errors import StoreError
from pipeline.rules.archive.remembered import signals_of
from pipeline.wire import FeaturesRecord, archive_record_bytes, parse_archive_record
from tests.archive.made import keep, records


def test_what_was_kept_is_read_back_to_the_bit() -> None:
    store, made = MemoryStore(), records(50)
    keep(store, made)
    archive = Archive(store)
    blocks = list(archive.blocks(archive.segments(), [*SIGNALS, "decision"]))
    assert sum(block.events for block in blocks) == len(made)
    decisions = [block.decision(event) for block in blocks for event in range(block.events)]
    assert decisions == [each.decision for each in made]
    found = [signals for block in blocks for signals in block.signals(range(block.events))]
    for signals, record in zip(found, made, strict=True):
        wanted = signals_of(record)
        assert np.array_equal(signals.features, wanted.features)
        assert np.array_equal(signals.regions, wanted.regions)
        assert signals.made_by == wanted.made_by


def test_a_record_survives_the_wire() -> None:
    for record in records(3):
        found = parse_archive_record(archive_record_bytes(record))
        assert isinstance(found, FeaturesRecord)
        assert found == record


def test_a_damaged_segment_is_named() -> None:
    store = MemoryStore()
    name = keep(store, records(3))
    store.replace(name.path, store.read(name.path)[:-40])
    archive = Archive(store)
    with pytest.raises(StoreError, match=r"sluice\.features\.v1-0-0"):
        list(archive.blocks(archive.segments(), SIGNALS))


def damaged(store: MemoryStore, path: str, at: float, by: bytes = b"\xff" * 64) -> None:
    data = store.read(path)
    place = int(len(data) * at)
    store.replace(path, data[:place] + by + data[place + len(by) :])


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"no Parquet at all", b"PAR1" + b"\0" * 100 + b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1"]
)
def test_a_foreign_file_under_a_segments_name_is_named(data: bytes) -> None:
    store = MemoryStore()
    name = keep(store, records(3))
    store.replace(name.path, data)
    archive = Archive(store)
    with pytest.raises(StoreError, match=r"sluice\.features\.v1-0-0"):
        list(archive.blocks(archive.segments(), SIGNALS))


def test_a_parquet_file_of_somebody_elses_is_named() -> None:
    store, sink = MemoryStore(), io.BytesIO()
    name = keep(store, records(3))
    pq.write_table(pa.table({"view": [0]}), sink)
    store.replace(name.path, sink.getvalue())
    archive = Archive(store)
    with pytest.raises(StoreError, match=r"v1-0-0\d+\.parquet is no segment"):
        list(archive.blocks(archive.segments(), SIGNALS))


def test_rows_that_are_damaged_are_named_or_the_file_cannot_tell() -> None:
    """Wherever the damage is, a reader gets rows or one clear error, and never a crash."""
    for at in np.linspace(0.0, 0.95, 40):
        store = MemoryStore()
        name = keep(store, records(20))
        damaged(store, name.path, at)
        archive = Archive(store)
        try:
            for block in archive.blocks(archive.segments(), [*SIGNALS, "decision"]):
                assert block.events
        except StoreError as error:
            assert name.path in str(error)  # noqa: PT017 - either is right


def test_an_event_that_lacks_rows_is_never_taken_for_a_whole_one() -> None:
    store = MemoryStore()
    keep(store, records(3, views=(3,)))
    archive = Archive(store)
    (block,) = archive.blocks(archive.segments(), SIGNALS)
    for rows in (block.rows.slice(1), block.rows.slice(0, 5), pa.concat_tables([block.rows.slice(0, 2), block.rows])):
        with pytest.raises(StoreError, match="lacks rows"):
            _ = Block(block.segment, block.contents, rows, block.read).offsets


def test_a_bucket_is_read_as_a_folder_is_one_row_group_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin has no local files, as a bucket; many row groups, and further columns of each block meanwhile."""
    monkeypatch.setattr(segments, "ROWS", 4)
    store, made = MemoryStore(), records(30)
    keep(store, made)
    archive, images = Archive(store), []
    for block in archive.blocks(archive.segments(), SIGNALS):
        images += block.need(["image_id"]).column("image_id").to_pylist()
    assert images == [each.decision.image_id for each in made]


def test_who_reads_no_further_leaves_no_thread_behind() -> None:
    store = MemoryStore()
    keep(store, records(30))
    archive = Archive(store)
    blocks = archive.blocks(archive.segments(), SIGNALS)
    next(blocks)
    blocks.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("sluice-archive")]


def test_a_file_that_is_replaced_between_two_looks_at_it_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features are mapped beside what pyarrow reads, and both must be of one version."""
    store, made = FolderStore(tmp_path), records(30)
    name = keep(store, made)
    whole, opened = store.read(name.path), Archive.file
    swapped: list[str] = []

    def swapping(archive: Archive, segment: Segment) -> pq.ParquetFile:
        if not swapped:
            swapped.append(segment.path)
            store.replace(segment.path, whole)
        return opened(archive, segment)

    monkeypatch.setattr(Archive, "file", swapping)
    archive = Archive(store)
    blocks = list(archive.blocks(archive.segments(), ["features"], mapped=4))
    assert swapped
    assert b"".join(piece.tobytes() for block in blocks for piece in block.pieces) == b"".join(
        each.features for each in made
    )
