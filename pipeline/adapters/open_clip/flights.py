"""Sends several batches through a GPU at once: while one computes, the next is copied in, the last out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock

import structlog

from pipeline.adapters.open_clip.device import Forward
from pipeline.adapters.open_clip.flight import CaptureError, Flight, Stream
from pipeline.adapters.open_clip.origin import first_line
from pipeline.errors import ModelError
from pipeline.items import Pixels
from pipeline.rules.flow.batching import prepared_sizes
from pipeline.signals import Features

log = structlog.get_logger()


class Flights:
    """A `Device` of several flights: each call takes a free one, or waits for one."""

    def __init__(self, streams: Sequence[Stream], forward: Forward, most: int) -> None:
        """Claim buffers for `most` images each; raises `ModelError` where there is too little memory for them."""
        try:
            flights = [Flight(stream, forward, most) for stream in streams]
        except RuntimeError as error:
            raise ModelError(
                f"no memory for batches of {most} images ({first_line(error)}): give a smaller --max-batch"
            ) from error
        self._count = len(flights)
        self._capturable = True
        self._calling_in = Lock()
        self._free: SimpleQueue[Flight] = SimpleQueue()
        for flight in flights:
            self._free.put(flight)

    def encode(self, pixels: Pixels) -> Features:
        """Serves as many threads at a time as there are flights; others wait."""
        flight = self._free.get()
        try:
            return flight.encode(pixels)
        finally:
            self._free.put(flight)

    def warm_up(self, most: int) -> tuple[int, ...]:
        """Capture every prepared size now, not under load. Where the model cannot be captured, load its kernels."""
        with self._landed() as flights:
            if self._capturable and self._captured(flights, prepared_sizes(most)):
                return prepared_sizes(most)
            for flight in flights:
                for size in {1, most}:
                    flight.rehearse(size)
        return ()

    def release(self) -> None:
        """Forget all graphs, once every flight has landed. Until the next `warm_up` passes are computed."""
        with self._landed() as flights:
            for flight in flights:
                flight.release()

    def _captured(self, flights: Sequence[Flight], sizes: Sequence[int]) -> bool:
        """Whether all flights captured all sizes; otherwise no graph is left."""
        try:
            for flight in flights:
                flight.capture(sizes)
        except CaptureError as error:
            log.warning("the model cannot be captured as a CUDA graph and is slower without", reason=str(error))
            self._capturable = False
            for flight in flights:
                flight.release()
        return self._capturable

    @contextmanager
    def _landed(self) -> Iterator[list[Flight]]:
        """All flights, each once its batch is through; calls wait meanwhile."""
        with self._calling_in:
            flights = [self._free.get() for _ in range(self._count)]
            try:
                yield flights
            finally:
                for flight in flights:
                    self._free.put(flight)
