"""Batches of the requests that wait when the device falls free, each on a thread that gives it to the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic

import numpy as np

from pipeline.adapters.shared_encoder.messages import ClosedError
from pipeline.items import Pixels
from pipeline.ports import Encoder, Hooks
from pipeline.rules.flow.batching import take
from pipeline.signals import Features


@dataclass(frozen=True)
class _Request:
    pixels: Pixels
    features: Features
    done: Future[None] = field(default_factory=Future)

    def fail(self, error: ClosedError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Flights:
    """Keeps `count` batches under way at a time, each on a thread of its own.

    Whatever a thread raises, out of memory as much as a device that is gone, ends all flights and is told to
    `failed`: nobody waits for a flight that no thread will make.
    """

    def __init__(
        self, encoder: Encoder, hooks: Hooks, failed: Callable[[BaseException], object], *, max_batch: int, count: int
    ) -> None:
        self._encoder = encoder
        self._hooks = hooks
        self._failed = failed
        self._max_batch = max_batch
        self._waiting: deque[_Request] = deque()
        self._changed = Condition()
        self._ended = False
        self._threads = [Thread(target=self._fly, name=f"sluice-flight-{n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def encode(self, pixels: Pixels, features: Features) -> None:
        """Wait until `features` are those of `pixels`. Raises `ClosedError` when the flight fails, or at the end."""
        request = _Request(pixels, features)
        with self._changed:
            if self._ended:
                raise ClosedError("the server ends")
            self._waiting.append(request)
            self._changed.notify()
        request.done.result()

    def end(self) -> None:
        """Take no more requests, and fail those that wait. Idempotent."""
        with self._changed:
            self._ended = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for request in waiting:
            request.fail(ClosedError("the server ends"))

    def join(self, timeout: float) -> None:
        """Wait for the batches that are under way, `timeout` seconds at most: a device may hang."""
        deadline = monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - monotonic()))

    def _fly(self) -> None:
        try:
            while (requests := self._take()) is not None:
                self._encode(requests)
        except BaseException as error:  # noqa: BLE001 - a thread that ended in silence would leave its callers waiting
            self.end()
            self._failed(error)

    def _take(self) -> list[_Request] | None:
        """The requests that go to the device together; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ended)
            if self._ended:
                return None
            count = take([len(request.pixels) for request in self._waiting], self._max_batch)
            return [self._waiting.popleft() for _ in range(count)]

    def _encode(self, requests: list[_Request]) -> None:
        try:
            alone = len(requests) == 1
            pixels = requests[0].pixels if alone else np.concatenate([request.pixels for request in requests])
            features = self._encoder.encode_images(pixels)
            self._hooks.encoded(len(features))
            start = 0
            for request in requests:
                request.features[:] = features[start : start + len(request.pixels)]
                start += len(request.pixels)
                request.done.set_result(None)
        except BaseException as error:
            for request in requests:
                request.fail(ClosedError(f"the flight failed: {type(error).__name__}: {error}"))
            raise
