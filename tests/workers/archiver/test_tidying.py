from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event, Thread

from prometheus_client import CollectorRegistry

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.tidying.lease import Lease
from pipeline.errors import StoreError
from pipeline.ports import Stored
from tests.archive.made import NOON, keep, records
from workers.archiver.metrics import ArchiverMetrics
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
    registry = CollectorRegistry()
    Tidying(store, 600.0, 1, ArchiverMetrics(registry, []), lambda: now).once(Event())
    assert _segments(store) == [("2026-09-22", 10), ("2026-09-23", 20), ("2026-09-23", 25)]
    assert not list(store.list("reviews/"))
    assert list(store.list("policies/"))
    gone, merged = (_told(registry, "tidied_files_total", work=work) for work in ("retention", "merge"))
    assert (gone, merged) == (3, 2)
    assert _told(registry, "tidied_bytes_total", work="retention")
    assert _told(registry, "tidied_timestamp_seconds") > NOON / 2
    assert _told(registry, "unmerged_chains") == 0


def test_without_a_retention_nothing_leaves() -> None:
    store = _filled()
    Tidying(store, 600.0, None, clock=lambda: NOON + 400 * DAY).once(Event())
    assert len(_segments(store)) == 3
    assert list(store.list("reviews/"))


def test_of_several_archivers_one_tidies_until_it_is_silent() -> None:
    store, now = _filled(), [NOON + 2 * DAY]
    other = Lease(store, "leases/tidying.json", 100.0, lambda: now[0])
    assert other.held()
    tidying = Tidying(store, 600.0, 1, clock=lambda: now[0])
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
    registry = CollectorRegistry()
    Tidying(store, 600.0, None, ArchiverMetrics(registry, []), lambda: NOON + 400 * DAY).once(stop)
    assert len(_segments(store)) == 5
    assert _told(registry, "tidied_timestamp_seconds") == 0


def test_what_is_swept_what_is_damaged_and_a_store_that_refuses_are_counted() -> None:
    registry, store, now = CollectorRegistry(), _Refusing(), NOON + 3 * DAY
    damaged, whole = records(10), records(10, at=NOON + DAY)
    keep(store, damaged[:5])
    store.replace(keep(store, damaged[5:], start=5).path, b"PAR1")
    for start in (0, 5):
        keep(store, whole[start : start + 5], start=20 + start)
    tidying = Tidying(store, 0.01, None, ArchiverMetrics(registry, []), lambda: now)
    tidying.once(Event())
    assert _told(registry, "unmerged_chains") == 1
    tidying.once(Event())  # what was merged is void, and seen to be
    time.sleep(0.02)
    tidying.once(Event())
    assert _told(registry, "tidied_files_total", work="sweep") == 2
    for failures, store.by in enumerate((StoreError("may not"), OverflowError("too much")), 1):
        store.refuses, stop = Event(), Event()
        thread = Thread(target=tidying.run, args=(stop,))
        thread.start()
        assert store.refuses.wait(30)
        stop.set()
        thread.join()
        assert _told(registry, "tidy_failures_total") >= failures


class _Refusing(MemoryStore):
    """Refuses to be listed, once it has an event, which that sets."""

    refuses: Event | None = None
    by: Exception = StoreError("may not")

    def list(self, prefix: str = "") -> Iterator[Stored]:
        if self.refuses is not None:
            self.refuses.set()
            raise self.by
        return super().list(prefix)


def _told(registry: CollectorRegistry, name: str, **labels: str) -> float:
    value = registry.get_sample_value(f"sluice_archive_{name}", labels)
    assert value is not None
    return value
