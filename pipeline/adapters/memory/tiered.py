"""Two caches of image features as one: the near one is asked first, and writing to the far one holds up no batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from pipeline.ports import FeatureCache
from pipeline.signals import Signals

WAITING = 4
"""Batches that may wait to be written to the far cache, the one being written included; the next is dropped, which
costs whoever looks for its images a forward pass."""


class TieredFeatureCache:
    """A `FeatureCache` that looks in `near`, for the rest in `far`, and keeps in `near` what it found there.

    It closes both. A look in `far` takes the caller of `get` as long as `far` takes. A thread writes to `far`, since
    the caller of `put` is the one that feeds the device.
    """

    def __init__(self, near: FeatureCache, far: FeatureCache) -> None:
        self._near = near
        self._far = far
        self._room = BoundedSemaphore(WAITING)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sluice-share")

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        """What either has; `far` is asked once for all that `near` does not have."""
        found = self._near.get(digests)
        missing = [digest for digest in digests if digest not in found]
        if missing:
            shared = self._far.get(missing)
            self._near.put(shared)
            found |= shared
        return found

    def put(self, signals: Mapping[str, Signals]) -> None:
        """Keep these in `near` at once and in `far` soon, unless `WAITING` batches are ahead of them there."""
        self._near.put(signals)
        if signals and self._room.acquire(blocking=False):
            self._writer.submit(self._far.put, signals).add_done_callback(lambda _: self._room.release())

    def close(self) -> None:
        """Write what waits, and close both. Idempotent."""
        self._writer.shutdown()
        self._near.close()
        self._far.close()
