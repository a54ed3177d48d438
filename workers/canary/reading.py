"""Reads answers as they come, and counts those to canaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.errors import ServiceError
from pipeline.wire import Event, reply_in
from workers.canary.flights import Flights

SLICE = 0.5
"""Seconds that it waits for answers before it looks for those that are missing."""


class Answers(Protocol):
    """Records of the topics of answers, as they come."""

    def read(self, seconds: float) -> Sequence[Event]:
        """What comes within `seconds`; raises `ServiceError`."""

    def close(self) -> None:
        """Free the connection."""


class Reading:
    """Reads on one thread. `answers` begins to read from the moment at which it is called."""

    def __init__(self, answers: Callable[[], Answers], flights: Flights) -> None:
        self._make = answers
        self._answers: Answers | None = answers()
        self._flights = flights

    def step(self) -> float:
        """Count what has come, and what has not; returns 0. Raises `ServiceError` while reading is refused."""
        try:
            if self._answers is None:
                self._answers = self._make()
            for answer in self._answers.read(SLICE):
                if (reply := reply_in(answer)) is not None:
                    self._flights.land(reply, answer)
        except ServiceError:
            self.close()
            raise
        finally:
            self._flights.give_up()
        return 0.0

    def close(self) -> None:
        """Free the connection. Idempotent."""
        answers, self._answers = self._answers, None
        if answers is not None:
            answers.close()
