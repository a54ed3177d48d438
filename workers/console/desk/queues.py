"""Where the queue comes from: the archive, the newest first, or what has streamed by since the console began."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.rules.reviews.streamed import of_interest, streamed
from pipeline.rules.reviews.waiting import Waiting, Wanted
from pipeline.rules.times import Window
from pipeline.wire import Decision, Review
from workers.console.in_time import in_time
from workers.console.reach import Reach
from workers.console.stream.answers import Passing

if TYPE_CHECKING:
    from pipeline.archive.archive import Archive

REMEMBERED = 5_000
"""Decisions of the stream that somebody should look at, the last ones, where there is no archive."""
LIMIT = 15.0
"""Seconds that a person waits for it in all, whatever the archive's listing or a bucket takes."""
PATIENCE = 3.0
"""Seconds to look through an archive; what was found by then is asked about first."""


@dataclass(frozen=True)
class Queued:
    """What waits, in its order, and in words what was looked through."""

    images: Sequence[Waiting]
    said: str


class Queues:
    """Safe to share; `take` is called on the thread that reads the stream."""

    def __init__(self, reach: Reach) -> None:
        self._archive = reach.archive
        self._lock = Lock()
        self._streamed: deque[Decision] = deque(maxlen=REMEMBERED)

    def take(self, answer: Passing) -> None:
        if self._archive is None and isinstance(answer.said, Decision) and of_interest(answer.said):
            with self._lock:
                self._streamed.append(answer.said)

    def of(self, wanted: Wanted, reviews: Sequence[Review], window: Window) -> Queued:
        """It blocks for `PATIENCE` or so, and for `LIMIT` at most. Raises `ServiceError`."""
        if (opened := self._archive) is not None:
            return in_time(LIMIT, lambda: _archived(opened, wanted, reviews, window), "ask for fewer days")
        with self._lock:
            decisions = list(self._streamed)
        found = streamed(decisions, wanted, reviews)
        return Queued(found, "what has streamed by since this console started; there is no archive")


def _archived(
    opened: Callable[[], AbstractContextManager[Archive]], wanted: Wanted, reviews: Sequence[Review], window: Window
) -> Queued:
    from pipeline.archive.lookup import newest_first  # noqa: PLC0415 - Parquet's library
    from pipeline.lab.reviews.queue import waiting  # noqa: PLC0415

    ends, over = time.monotonic() + PATIENCE, list[bool]()

    def stop() -> bool:
        if time.monotonic() > ends:
            over.append(True)
        return bool(over)

    with opened() as archive:
        segments = newest_first(archive.segments(window))
        found = waiting(archive, segments, window, wanted, reviews, stop)
    part = f"; {PATIENCE:g} s were enough for the newest alone: ask for fewer days" if over else ""
    return Queued(found, f"the archive, {len(segments):,} segments{part}")
