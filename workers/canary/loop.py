"""One thing done again and again on a thread, through whatever makes it fail for now."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

import structlog

from pipeline.errors import ServiceError

REST = 5.0
"""Seconds until a step that failed is tried again."""
_log = structlog.get_logger(__name__)


class Loop:
    """`step` does its work once and returns the seconds until it wants to be called again."""

    def __init__(self, name: str, step: Callable[[], float], stop: Event) -> None:
        self.name = name
        self._step = step
        self._stop = stop
        self._beat = time.monotonic()
        self._worked = False
        self._thread = Thread(target=self._run, name=f"sluice-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, within: float) -> None:
        """Wait for its end, once the event is set that it stops by."""
        self._thread.join(within)

    def stalled(self) -> float:
        """Seconds since a step should have ended that has not, or begun."""
        return max(0.0, time.monotonic() - self._beat)

    def not_ready(self) -> str | None:
        """Why its work has not been seen to succeed yet; None once it has."""
        return None if self._worked else f"{self.name} has not succeeded yet"

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            self._beat = time.monotonic()
            try:
                pause = self._step()
                self._worked = True
            except ServiceError as error:
                _log.warning("canary_step_failed_for_now", step=self.name, error=str(error), again_in=REST)
                pause = REST
            self._beat = time.monotonic() + pause
