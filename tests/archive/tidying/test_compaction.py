from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import FEATURES, SIGNALS, Archive
from pipeline.archive.coarse import COARSE, Coarse
from pipeline.archive.denied import OF_ROWS, DenyList
from pipeline.archive.erasing.purging import purge
from pipeline.archive.keeping.gate import Gate
from pipeline.archive.listing import listed
from pipeline.archive.rows import Kept
from pipeline.archive.segments import segment_bytes
from pipeline.archive.tidying.compaction import Compactor
from pipeline.ports import Store
from pipeline.rules.archive.compaction import runs
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.names import SegmentName, parse_path
from tests.archive.interleaved import Actor
from tests.archive.made import as_before, keep, records

LATER = date(2027, 1, 1)
MADE = records(24, views=(1, 2))
AT = "2026-11-26T00:00:00.000Z"


def _kept(store: Store, cuts: list[int]) -> SegmentName:
    """The records as a chain of segments that begin there."""
    return [keep(store, MADE[start:end], start=start) for start, end in zip(cuts, [*cuts[1:], 20], strict=True)][-1]


def _shown(archive: Archive) -> list[str]:
    blocks = archive.blocks(archive.segments(), ["image_id"])
    return [image for block in blocks for image in block.column("image_id").to_pylist()]


def _images(*gone: int, until: int = 20) -> list[str]:
    return [f"image-{number}" for number in range(until) if number not in gone]


def _compact(target: int) -> Callable[[Store], None]:
    def act(store: Store) -> None:
        compactor = Compactor(store, target=target, grace=0)
        for _ in range(2):
            list(compactor.merge(LATER))
            compactor.sweep()

    return act


def _erase(store: Store) -> None:
    deny_list = DenyList(store)
    deny_list.add([erased(Kind.IMAGE, "image-7")], AT)
    for stored in store.list("model="):
        purge(store, deny_list, stored.path, OF_ROWS)


def _append(store: Store) -> None:
    """The archiver goes on, with late records of that day."""
    name = parse_path(next(store.list("model=")).path)
    assert name is not None
    late = SegmentName(name.group, name.topic, name.partition, 20)
    kept = [Kept(20 + at, record) for at, record in enumerate(MADE[20:])]
    Gate(store).create(late.path, lambda denied: segment_bytes(late, kept, 24, denied))


CUTS = st.sets(st.integers(1, 19), min_size=3, max_size=8).map(lambda cuts: [0, *sorted(cuts)])
TARGETS = st.sampled_from([60_000, 120_000, 10_000_000])
STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=16)


@settings(max_examples=25, deadline=None)
@given(CUTS, TARGETS, TARGETS, STEPS, st.sets(st.integers(0, 3), max_size=2))
def test_every_event_is_there_once_at_any_moment_whoever_works_and_is_killed(
    cuts: list[int], one: int, other: int, steps: list[tuple[int, int]], killed: set[int]
) -> None:
    """Two compactors that know nothing of each other, an erasure and an archiver, in any order of their calls."""
    store = MemoryStore()
    _kept(store, cuts)
    lister = Archive(store)
    seen_before = lister.segments()
    actors = [Actor(act, store) for act in (_compact(one), _compact(other), _erase, _append)]
    for turn, count in steps:
        for _ in range(count):
            actors[turn].step()
        found = _shown(Archive(store))
        assert len(found) == len(set(found))
        late = [image for image in found if int(image[6:]) >= 20]
        gone = [7] if list(store.list("erased/")) else []
        assert [image for image in found if image not in late] == _images(*gone)
        assert late in ([], _images(until=24)[20:])
    for turn, actor in enumerate(actors):
        actor.kill() if turn in killed else actor.finish()
    blocks = lister.blocks(seen_before, ["image_id"])
    old = [image for block in blocks for image in block.column("image_id").to_pylist()]
    gone = [7] if list(store.list("erased/")) else []
    assert old[: 20 - len(gone)] == _images(*gone)
    _compact(10_000_000)(store)
    assert [image for image in _shown(Archive(store)) if int(image[6:]) < 20] == _images(*gone)
    assert len(listed(store).segments) == 1
    assert not listed(store).void
    if gone:
        (segment,) = Archive(store).segments()
        assert "image-7" not in pq.ParquetFile(store.open(segment.path)).read(["image_id"])["image_id"].to_pylist()


def _held(store: Store, image: str) -> list[str]:
    """The segments whose rows name the image, whether or not they count."""
    found = []
    for stored in store.list("model="):
        rows = pq.ParquetFile(store.open(stored.path)).read(["image_id"])
        if image in rows["image_id"].to_pylist():
            found.append(stored.path)
    return found


@pytest.mark.parametrize("steps", range(10))
def test_what_is_erased_while_segments_are_merged_does_not_come_back(steps: int) -> None:
    store = MemoryStore()
    _kept(store, [0, 5, 10])
    compactor = Actor(lambda store: list(Compactor(store).merge(LATER)), store)
    for _ in range(steps):
        compactor.step()
    _erase(store)
    assert "image-7" not in _shown(Archive(store))
    compactor.finish()
    assert _held(store, "image-7") == []
    assert _shown(Archive(store)) == _images(7)


@pytest.mark.parametrize("steps", range(12))
def test_whoever_removes_what_is_void_takes_out_what_a_killed_compactor_left(steps: int) -> None:
    store = MemoryStore()
    _kept(store, [0, 5, 10])
    compactor = Actor(_compact(10_000_000), store)
    for _ in range(steps):
        compactor.step()
    _erase(store)
    compactor.step()
    compactor.kill()
    _compact(10_000_000)(store)
    assert _held(store, "image-7") == []
    assert _shown(Archive(store)) == _images(7)


def test_of_two_merged_segments_that_overlap_every_event_is_read_once_and_they_become_one() -> None:
    one, other = MemoryStore(), MemoryStore()
    cuts = [0, 5, 10, 15]
    for store, left in ((one, cuts[:3]), (other, cuts[2:])):
        _kept(store, cuts)
        for stored in list(store.list()):
            name = parse_path(stored.path)
            if name and name.start not in left:
                store.delete(stored.path)
        list(Compactor(store).merge(LATER))
    both = MemoryStore()
    for store in (one, other):
        for stored in store.list():
            both.create(stored.path, store.read(stored.path))
    assert len([each for each in listed(both).segments if not each.whole]) == 1
    archive = Archive(both)
    assert _shown(archive) == _images()
    signals = [each for block in archive.blocks(archive.segments(), SIGNALS) for each in block.signals([0])]
    assert len(signals) == len(archive.segments())
    _compact(10_000_000)(both)
    assert [each.name.end for each in listed(both).segments] == [20]
    assert _shown(Archive(both)) == _images()


def test_what_was_merged_stays_for_the_grace_and_a_zombies_segment_within_goes_too() -> None:
    store, now = MemoryStore(), [0.0]
    last = _kept(store, [0, 5, 10])
    zombies = store.read(last.path)
    compactor = Compactor(store, grace=60, clock=lambda: now[0])
    (merged,) = compactor.merge(LATER)
    assert (merged.segments, merged.name.start, merged.name.end) == (3, 0, 20)
    assert compactor.sweep().segments == 0
    now[0] = 59.0
    assert compactor.sweep().segments == 0
    assert compactor.waiting == 1.0
    now[0] = 60.0
    assert compactor.sweep().segments == 3
    assert [each.path for each in store.list("model=")] == [merged.name.path]
    assert store.create(last.path, zombies)
    assert _shown(Archive(store)) == _images()
    compactor.sweep()
    now[0] = 120.0
    assert compactor.sweep().segments == 1
    assert _shown(Archive(store)) == _images()


def test_a_day_that_is_not_over_is_left_as_it_is() -> None:
    store = MemoryStore()
    name = _kept(store, [0, 5, 10])
    assert list(Compactor(store).merge(name.group.day)) == []
    assert list(Compactor(store).merge(LATER, mine=lambda name: name.partition == 1)) == []


def test_repeats_of_an_event_are_dropped_wherever_in_the_chain_the_first_one_is() -> None:
    store = MemoryStore()
    keep(store, MADE[:12], start=0)
    keep(store, [MADE[12], MADE[3], MADE[13]], start=12)
    keep(store, [MADE[14], MADE[13], MADE[0]], start=15)
    sizes = [each.stored.bytes for each in listed(store).segments]
    merged = list(Compactor(store, target=2 * max(sizes[1:]) + 1).merge(LATER))
    assert [(each.name.start, each.segments, each.repeats) for each in merged] == [(12, 2, 3)]
    assert _shown(Archive(store)) == _images(until=15)


def test_a_damaged_segment_is_named_and_other_chains_are_merged_for_all_that() -> None:
    store = MemoryStore()
    _kept(store, [0, 5, 10])
    for start in (0, 5):
        keep(store, MADE[start : start + 5], start=start, partition=1)
    damaged = next(store.list("model=")).path
    store.replace(damaged, store.read(damaged)[:-20])
    compactor = Compactor(store)
    assert [each.name.partition for each in compactor.merge(LATER)] == [1]
    (problem,) = compactor.problems
    assert damaged in problem
    assert compactor.sweep().segments == 0


def test_what_an_earlier_release_wrote_gets_coarse_features(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    first = keep(store, MADE[:8], start=0)
    keep(store, MADE[8:20], start=8)
    as_before(tmp_path / first.path)
    list(Compactor(store).merge(LATER))
    archive = Archive(store)
    (block,) = archive.blocks(archive.segments(), [*FEATURES, *COARSE], mapped=4)
    assert _shown(archive) == _images()
    assert block.coarse is not None
    assert np.array_equal(np.concatenate(block.coarse.codes), np.concatenate(Coarse.of(block.features).codes))


def test_an_event_without_an_id_like_ours_is_told_from_others_all_the_same() -> None:
    store = MemoryStore()
    changed = []
    for number, each in enumerate(MADE[:4]):
        changed.append(structs.replace(each, decision=structs.replace(each.decision, event_id=f"e{number % 3}")))
    keep(store, changed[:2], start=0)
    keep(store, changed[2:], start=2)
    (merged,) = Compactor(store).merge(LATER)
    assert merged.repeats == 1
    assert _shown(Archive(store)) == _images(until=3)


@given(st.lists(st.integers(0, 120), max_size=30))
def test_neighbours_are_merged_up_to_the_target_and_what_is_large_is_left_alone(sizes: list[int]) -> None:
    found = runs(sizes, 100)
    taken = [at for run in found for at in run]
    assert taken == sorted(set(taken))
    for run in found:
        assert len(run) >= 2
        assert sum(sizes[at] for at in run) <= 100
        assert max(sizes[at] for at in run) < 50
    small = [at for at, size in enumerate(sizes) if size < 50]
    for at in small:
        if at + 1 in small and at not in taken and at + 1 not in taken:
            raise AssertionError(f"{at} and its neighbour fit")
