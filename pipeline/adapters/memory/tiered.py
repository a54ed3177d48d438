"""Two caches of image features as one: what is near is asked first, and what is far never holds up a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

from pipeline.ports import FeatureCache
from pipeline.signals import Signals

WAITING = 4
"""Batches that may wait to be written to the far cache; the next is dropped. A dropped one costs a forward pass."""


class TieredFeatureCache:
    """A `FeatureCache` that looks in `near`, for the rest in `far`, and keeps in `near` what it found there.

    It closes both. To look in `far` takes the caller as long as `far` takes; to write there is the work of a thread,
    since the caller of `put` is who feeds the device.
    """

    def __init__(self, near: FeatureCache, far: FeatureCache) -> None:
        self._near = near
        self._far = far
        self._room = BoundedSemaphore(WAITING)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sluice-share")

    def get(self, digests: Sequence[str]) -> dict[str, Signals]:
        """From both; `far` is asked once for all that `near` does not have."""
        found = self._near.get(digests)
        missing = [digest for digest in digests if digest not in found]
        if missing:
            shared = self._far.get(missing)
            self._near.put(shared)
            found |= shared
        return found

    def put(self, signals: Mapping[str, Signals]) -> None:
        """To `near` at once, to `far` soon, unless that is behind already."""
        self._near.put(signals)
        if signals and self._room.acquire(blocking=False):
            self._writer.submit(self._far.put, signals).add_done_callback(lambda _: self._room.release())

    def close(self) -> None:
        """Write what waits, and close both. Idempotent."""
        self._writer.shutdown()
        self._near.close()
        self._far.close()
