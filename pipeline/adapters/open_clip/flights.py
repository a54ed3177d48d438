"""Several batches on their way through a GPU at once: while one computes, the next is copied in, the last out."""

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
        """As `Device.encode`, for as many threads as there are flights at a time."""
        flight = self._free.get()
        try:
            return flight.encode(pixels)
        finally:
            self._free.put(flight)

    def warm_up(self, most: int) -> tuple[int, ...]:
        """Capture every prepared size, so that none is under load; where that cannot be, load the kernels."""
        with self._landed() as flights:
            if self._capturable and self._captured(flights, prepared_sizes(most)):
                return prepared_sizes(most)
            for flight in flights:
                for size in {1, most}:
                    flight.rehearse(size)
        return ()

    def release(self) -> None:
        """Forget all graphs, once every flight has landed; until the next `warm_up` passes are computed."""
        with self._landed() as flights:
            for flight in flights:
                flight.release()

    def _captured(self, flights: Sequence[Flight], sizes: Sequence[int]) -> bool:
        """Whether all of it could be captured; otherwise nothing is left of it."""
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
        """All flights, each after the batch that it is in; calls meanwhile wait."""
        with self._calling_in:
            flights = [self._free.get() for _ in range(self._count)]
            try:
                yield flights
            finally:
                for flight in flights:
                    self._free.put(flight)
