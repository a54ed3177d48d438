"""A decoder that tells how long it worked, by the clocks of the threads that call it and of its processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from pipeline.adapters import decode_processes
from pipeline.ports import Decoded, Decoder
from pipeline.signals import Pdqs
from workers.bench.limits import Cost


class TimedDecoder:
    """Passes calls on to another `Decoder`, and takes the clocks around them."""

    def __init__(self, decoder: Decoder) -> None:
        self.name = decoder.name
        self._decoder = decoder
        self._lock = Lock()
        self._images = 0
        self._wall = self._cpu = 0.0
        self._before = decode_processes.cpu_seconds()

    def decode(self, image: bytes) -> Decoded:
        return self._timed(self._decoder.decode, image)

    def tiles(self, image: bytes) -> Decoded:
        return self._timed(self._decoder.tiles, image)

    def pdq(self, image: bytes) -> Pdqs:
        """Not timed, likewise."""
        return self._decoder.pdq(image)

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        """Not timed: it is none of the work that is compared."""
        return self._decoder.thumbnail(image, frame)

    def _timed(self, call: Callable[[bytes], Decoded], image: bytes) -> Decoded:
        wall, cpu = time.perf_counter(), time.thread_time()
        decoded = call(image)
        cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
        with self._lock:
            self._images += 1
            self._wall += wall
            self._cpu += cpu
        return decoded

    def cost(self) -> Cost:
        """The cost of all calls so far, as if they had followed each other; no other decoder may work meanwhile."""
        return Cost(self._images, self._wall, self._cpu + decode_processes.cpu_seconds() - self._before)
