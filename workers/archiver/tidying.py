"""What an archiver does beside its loop: small segments of days that are over become larger, and old days leave."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Event

import structlog

from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.tidying.compaction import Compactor
from pipeline.archive.tidying.lease import Lease
from pipeline.archive.tidying.retention import retire
from pipeline.errors import StoreError
from pipeline.ports import Store

LEASE = "leases/tidying.json"
_LATE = 3600.0
"""Seconds after midnight, UTC, at which a day is over: what was decided just before it is in segments by then."""
_log = structlog.get_logger(__name__)


class Tidying:
    """One archiver's turn at it; of several, the one that has the lease works."""

    def __init__(
        self,
        store: Store,
        every: float,
        retention_days: int | None,
        hooks: ArchiveHooks | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`every` in seconds; what was merged stays for that long as well, for who reads it."""
        self._store, self._every, self._retention, self._clock = store, every, retention_days, clock
        self._hooks = hooks or ArchiveHooks()
        self._lease = Lease(store, LEASE, 3 * every, clock)
        self._compactor = Compactor(store, grace=every, hooks=self._hooks)

    def run(self, stop: Event) -> None:
        """Tidy again and again until `stop` is set. What goes wrong is told, and tried again."""
        while not stop.wait(self._every):
            try:
                self.once(stop)
            except StoreError as error:
                self._hooks.not_tidied()
                _log.warning("archive_not_tidied", why=str(error), consequence="it is tried again")
            except Exception as error:  # noqa: BLE001 - whatever it is, the next day must still be tidied
                self._hooks.not_tidied()
                why = f"{type(error).__name__}: {error}"
                _log.error("archive_not_tidied", why=why, consequence="it is tried again")

    def once(self, stop: Event) -> None:
        """Tidy what there is to tidy by now, where the lease is ours. Raises `StoreError`."""
        if not self._lease.held():
            return
        self._retire()
        began = self._clock()
        swept = self._compactor.sweep()
        self._hooks.tidied("sweep", swept.segments, swept.bytes, self._clock() - began)
        if not self._merge(stop):
            return
        for problem in self._compactor.problems:
            _log.warning("segments_not_merged", why=problem)
        self._hooks.tidy(len(self._compactor.problems))

    def _retire(self) -> None:
        if self._retention is None:
            return
        began = self._clock()
        gone = retire(self._store, self._day(began) - timedelta(days=self._retention))
        self._hooks.tidied("retention", gone.objects, gone.bytes, self._clock() - began)
        if gone.objects:
            _log.info("days_removed", objects=gone.objects, bytes=gone.bytes, kept_days=self._retention)

    def _merge(self, stop: Event) -> bool:
        """Merge all there is to merge; false where it ended before, since `stop` was set or the lease is gone."""
        began = self._clock()
        for merged in self._compactor.merge(self._day(began - _LATE)):
            now = self._clock()
            self._hooks.tidied("merge", merged.segments, merged.bytes, now - began)
            _log.info("segments_merged", into=merged.name.path, segments=merged.segments, repeats=merged.repeats)
            if stop.is_set() or not self._lease.held():
                return False
            began = now
        return True

    def _day(self, at: float) -> date:
        return datetime.fromtimestamp(at, UTC).date()
