"""Leases in this process's memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from threading import Lock

from pipeline.rules.reviews.leases import Held


class MemoryLeases:
    """`Leases` of all who share this object. With `away`, it does not answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.away = False
        self._clock = clock
        self._lock = Lock()
        self._held = Held()

    def take(self, things: Collection[str], who: str, seconds: float, then: str | None = None) -> bool | None:
        with self._lock:
            return None if self.away else self._held.take(things, who, seconds, self._clock(), then)

    def give_back(self, things: Collection[str], who: str) -> None:
        with self._lock:
            if not self.away:
                self._held.give_back(things, who)
