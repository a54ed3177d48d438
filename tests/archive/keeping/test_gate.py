from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.denied import OF_ROWS, DenyList
from pipeline.archive.erasing.purging import purge
from pipeline.archive.keeping.gate import Gate
from pipeline.archive.rows import Kept
from pipeline.archive.segments import segment_bytes
from pipeline.ports import Store
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.names import Group, SegmentName, day_of
from pipeline.wire import rfc3339
from tests.archive.interleaved import Actor
from tests.archive.made import MADE_BY, NOON, records

NAME = SegmentName(
    Group(MADE_BY.model.fingerprint, MADE_BY.preprocess, day_of(rfc3339(NOON))), "sluice.features.v1", 0, 0
)
MADE = records(6)
KEPT = [Kept(at, record) for at, record in enumerate(MADE)]


def _create(store: Store) -> int:
    return Gate(store).create(NAME.path, lambda denied: segment_bytes(NAME, KEPT, len(KEPT), denied))


def _erase(store: Store, *images: str) -> None:
    """What an erasure does, in its order: the entry, the listing, the segments."""
    deny_list = DenyList(store)
    deny_list.add([erased(Kind.IMAGE, image) for image in images], "2026-11-26T00:00:00.000Z")
    for segment in Archive(store).segments():
        purge(store, deny_list, segment.path, OF_ROWS)


def _held(store: Store) -> list[str]:
    with pq.ParquetFile(store.open(NAME.path)) as file:
        rows = file.read(columns=["image_id", "view"]).to_pylist()
    return [row["image_id"] for row in rows if row["view"] == 0]


def test_what_is_erased_never_comes_in() -> None:
    store = MemoryStore()
    _erase(store, "image-0", "image-3")
    assert _create(store)
    assert _held(store) == ["image-1", "image-2", "image-4", "image-5"]


def test_a_segment_of_nothing_but_the_erased_holds_its_name() -> None:
    store = MemoryStore()
    _erase(store, *(record.decision.image_id for record in MADE))
    assert _create(store)
    assert _held(store) == []
    assert not _create(store)
    archive = Archive(store)
    (segment,) = archive.segments()
    with archive.file(segment) as file:
        assert file.schema_arrow.metadata[b"sluice.end"] == b"6"
        assert file.schema_arrow.metadata[b"sluice.events"] == b"0"
    assert sum(block.events for block in archive.blocks([segment], ["image_id"])) == 0


@pytest.mark.parametrize("before", range(6))
@pytest.mark.parametrize("between", range(10))
def test_an_erasure_at_any_moment_of_a_creation_leaves_nothing(before: int, between: int) -> None:
    """The keeper makes some steps, the erasure some, and then one ends before the other."""
    for keeper_first in (True, False):
        store = MemoryStore()
        keeper = Actor(_create, store)
        eraser = Actor(lambda store: _erase(store, "image-2"), store)
        for actor, steps in ((keeper, before), (eraser, between)):
            for _ in range(steps):
                actor.step()
        for actor in (keeper, eraser) if keeper_first else (eraser, keeper):
            actor.finish()
        assert _held(store) == [f"image-{number}" for number in (0, 1, 3, 4, 5)]


@pytest.mark.parametrize("steps", range(8))
def test_whoever_comes_after_a_keeper_that_was_killed_takes_out_what_it_left(steps: int) -> None:
    store = MemoryStore()
    keeper = Actor(_create, store)
    for _ in range(steps):
        keeper.step()
    DenyList(store).add([erased(Kind.IMAGE, "image-2")], "2026-11-26T00:00:00.000Z")
    keeper.kill()
    _create(store)
    assert _held(store) == [f"image-{number}" for number in (0, 1, 3, 4, 5)]


def test_two_erasures_of_one_segment_undo_nothing_of_each_other() -> None:
    for steps in range(12):
        store = MemoryStore()
        _create(store)
        one = Actor(lambda store: _erase(store, "image-1"), store)
        for _ in range(steps):
            one.step()
        _erase(store, "image-4")
        one.finish()
        assert _held(store) == [f"image-{number}" for number in (0, 2, 3, 5)]
