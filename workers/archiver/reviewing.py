"""What an archiver does beside its loop: it tells how good policies are, by the reviews and decisions of a week.

It is the archiver's, and not a worker's: it alone has the reviews and the decisions, in one place. Ids, verdicts and
matches are read of a week's segments, and no features; of several archivers, the one that has the lease reads them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

import structlog

from pipeline.archive.archive import Archive
from pipeline.archive.tidying.lease import Lease
from pipeline.errors import StoreError
from pipeline.lab.reviews.decided import quality_within
from pipeline.ports import Store
from pipeline.rules.times import Window
from workers.archiver.review_metrics import ReviewMetrics

LEASE = "leases/reviewing.json"
WEEK = 7 * 86_400.0
_FIRST = 60.0
"""Seconds until the first look: a restart should not leave the dashboard empty for an hour."""
_log = structlog.get_logger(__name__)


class Reviewing:
    """One archiver's turn at it; `every` in seconds."""

    def __init__(
        self, store: Store, every: float, metrics: ReviewMetrics, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._every, self._metrics, self._clock = store, every, metrics, clock
        self._lease = Lease(store, LEASE, 3 * every, clock)

    def run(self, stop: Event) -> None:
        """Read again and again until `stop` is set. What goes wrong is told, and tried again."""
        pause = min(_FIRST, self._every)
        while not stop.wait(pause):
            pause = self._every
            try:
                self.once()
            except StoreError as error:
                _log.warning("reviews_not_read", why=str(error), consequence="it is tried again")
            except Exception as error:  # noqa: BLE001 - whatever it is, the next reviews must still be read
                why = f"{type(error).__name__}: {error}"
                _log.error("reviews_not_read", why=why, consequence="it is tried again")

    def once(self) -> None:
        """Read what reviews say by now, where the lease is ours. Raises `StoreError`."""
        if not self._lease.held():
            self._metrics.forget()
            return
        self._metrics.tell(quality_within(Archive(self._store), Window(self._clock() - WEEK)))
