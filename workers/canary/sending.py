"""Sends each canary when it is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from pipeline.errors import PublishError, ServiceError
from pipeline.ports import RecordWriter
from pipeline.rules.canaries import Canary
from workers.canary.flights import Flights
from workers.canary.metrics import CanaryMetrics

_log = structlog.get_logger(__name__)


@dataclass
class _Turn:
    canary: Canary
    image: bytes
    due: float
    number: int = 0


class Sending:
    """Publishes canaries to the images topic, on one thread. One that cannot be sent will be missing."""

    def __init__(
        self,
        canaries: Sequence[tuple[Canary, bytes]],
        topic: str,
        writer: Callable[[], RecordWriter],
        flights: Flights,
        metrics: CanaryMetrics,
        clock: Callable[[], float],
    ) -> None:
        """`writer` makes one, which raises `ServiceError` where there is no broker."""
        self._turns = [_Turn(canary, image, clock()) for canary, image in canaries]
        self._topic = topic
        self._make = writer
        self._writer: RecordWriter | None = None
        self._flights = flights
        self._metrics = metrics
        self._clock = clock

    def step(self) -> float:
        """Send what is due; returns the seconds until something is. Blocks while the broker is away."""
        for turn in self._turns:
            if turn.due <= self._clock():
                turn.due = max(turn.due + turn.canary.every, self._clock())  # none is made up for
                self._send(turn)
        return max(0.0, min(turn.due for turn in self._turns) - self._clock())

    def close(self) -> None:
        """Free the connection. Idempotent."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _send(self, turn: _Turn) -> None:
        record = self._flights.begin(turn.canary, turn.image, self._topic, turn.number)
        turn.number += 1
        try:
            if self._writer is None:
                self._writer = self._make()
            self._writer.write([record])
        except (PublishError, ServiceError) as error:
            _log.error("canary_not_sent", canary=turn.canary.name, error=str(error))
            self.close()
        else:
            self._metrics.sent(turn.canary)
