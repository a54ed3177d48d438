from __future__ import annotations

from threading import Event

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.tidying.lease import Lease
from tests.archive.made import NOON, keep, records
from workers.archiver.tidying import Tidying

DAY = 86_400.0


def _filled() -> MemoryStore:
    """Two segments of each of three days."""
    store = MemoryStore()
    for day in range(3):
        made = records(10, at=NOON + day * DAY)
        keep(store, made[:5], start=10 * day)
        keep(store, made[5:], start=10 * day + 5)
    store.create("policies/0123456789ab.json", b"{}")
    store.create("reviews/day=2026-09-21/sluice.reviews.v1-0-00000000000000000000.parquet", b"not looked at")
    return store


def _segments(store: MemoryStore) -> list[tuple[str, int]]:
    return [(each.name.group.day.isoformat(), each.name.start) for each in Archive(store).segments()]


def test_days_that_are_over_are_merged_and_old_ones_leave_but_not_today() -> None:
    store, now = _filled(), NOON + 2 * DAY
    Tidying(store, 600.0, 1, lambda: now).once(Event())
    assert _segments(store) == [("2026-09-22", 10), ("2026-09-23", 20), ("2026-09-23", 25)]
    assert not list(store.list("reviews/"))
    assert list(store.list("policies/"))


def test_without_a_retention_nothing_leaves() -> None:
    store = _filled()
    Tidying(store, 600.0, None, lambda: NOON + 400 * DAY).once(Event())
    assert len(_segments(store)) == 3
    assert list(store.list("reviews/"))


def test_of_several_archivers_one_tidies_until_it_is_silent() -> None:
    store, now = _filled(), [NOON + 2 * DAY]
    other = Lease(store, "leases/tidying.json", 100.0, lambda: now[0])
    assert other.held()
    tidying = Tidying(store, 600.0, 1, lambda: now[0])
    tidying.once(Event())
    assert len(_segments(store)) == 6
    now[0] += 99.0
    assert other.held()
    now[0] += 101.0
    tidying.once(Event())
    assert len(_segments(store)) == 3
    assert not other.held()


def test_a_stop_ends_it_between_two_merges() -> None:
    store, stop = _filled(), Event()
    stop.set()
    Tidying(store, 600.0, None, lambda: NOON + 400 * DAY).once(stop)
    assert len(_segments(store)) == 5
