"""What was decided anew: kept before it is published, and found again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive, Segment
from pipeline.archive.erasing.erasure import Asked, erase
from pipeline.archive.redecided import Anew, Redecisions, anew
from pipeline.archive.tidying.retention import retire
from pipeline.errors import StoreError
from pipeline.rules.archive.denied import Kind
from pipeline.rules.times import Window
from tests.archive.made import keep, records


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def segment(store: MemoryStore) -> Segment:
    """Ten records from 100 on, and a later segment of the same day behind it."""
    keep(store, records(10), start=100)
    keep(store, records(10, seed=1), start=110)
    return Archive(store).segments()[0]


def made(*numbers: int) -> list[Anew]:
    decisions = [each.decision for each in records(20)]
    return [Anew(100 + at, f"subject {at}", replace(decisions[at], supersedes="0" * 32)) for at in numbers]


def test_what_is_kept_is_read_back_and_belongs_to_its_segment_alone(store: MemoryStore, segment: Segment) -> None:
    kept = Redecisions(store)
    name = kept.keep(segment, [], made(3, 5))
    assert kept.of(segment, 110) == [name]
    assert kept.of(Archive(store).segments()[1], 120) == []
    assert list(anew(kept.rows(name))) == made(3, 5)


def test_it_is_known_whether_it_was_published(store: MemoryStore, segment: Segment) -> None:
    kept = Redecisions(store)
    first = kept.keep(segment, [], made(3))
    second = kept.keep(segment, [first], made(3))
    kept.mark_published(second)
    assert [kept.is_published(name) for name in (first, second)] == [False, True]
    assert kept.of(segment, 110) == [first, second]
    assert kept.within() == [second, first]


def test_it_is_found_by_the_day_of_its_events(store: MemoryStore, segment: Segment) -> None:
    kept = Redecisions(store)
    name = kept.keep(segment, [], made(0))
    assert name.day == segment.name.group.day == date(2026, 9, 21)
    assert kept.within(Window(until=0.0)) == []
    assert kept.within(Window(since=0.0)) == [name]


def test_of_two_that_decide_anew_at_once_only_one_goes_on(store: MemoryStore, segment: Segment) -> None:
    kept = Redecisions(store)
    kept.keep(segment, [], made(3))
    with pytest.raises(StoreError, match="another redecide is at work"):
        kept.keep(segment, [], made(4, 5))


def test_one_that_is_damaged_is_named_and_what_others_put_there_is_left_alone(
    store: MemoryStore, segment: Segment
) -> None:
    kept = Redecisions(store)
    name = kept.keep(segment, [], made(3))
    store.replace(name.path, store.read(name.path)[:-30])
    store.create("redecided/day=2026-09-21/notes.txt", b"")
    assert kept.within() == [name]
    with pytest.raises(StoreError, match="redecided/day"):
        kept.rows(name)


def test_segments_that_were_joined_have_theirs_together(store: MemoryStore, segment: Segment) -> None:
    kept, (first, second) = Redecisions(store), Archive(store).segments()
    early, late = kept.keep(first, [], made(3)), kept.keep(second, [], made(12))
    assert kept.of(first, 120) == [early, late]
    later = kept.keep(first, [early, late], made(13))
    assert kept.of(first, 120) == [early, later, late]


def test_what_is_erased_leaves_it_and_so_does_a_day_that_is_past_the_retention(
    store: MemoryStore, segment: Segment
) -> None:
    kept = Redecisions(store)
    name = kept.keep(segment, [], made(3, 5))
    kept.mark_published(name)
    asked = [Asked(Kind.IMAGE, "image-3")]
    found = erase(store, asked, "2026-10-01T00:00:00.000Z", "", lambda *_: None)
    assert name.path in {each.path for each in found.rewritten}
    assert list(anew(kept.rows(name))) == made(5)
    assert b"image-3" not in store.read(name.path)
    assert kept.is_published(name)
    retire(store, name.day + timedelta(days=1))
    assert list(store.list("redecided/")) == []
