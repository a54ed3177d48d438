"""Keeps the processes of a machine running, and ends them in the order that lets them drain."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import structlog

from workers.fleet.process import LAST_WORDS, Process
from workers.fleet.restarts import exit_status

TICK = 0.1
"""Seconds between two looks at the processes."""
_log = structlog.get_logger(__name__)


class Supervisor:
    """One encoder and the moderators around it.

    A moderator is started only while the encoder is ready: its patience is for a restart of the encoder, and not for
    the minutes that a large model may take the first time. One that runs waits for an encoder that is started again.
    """

    def __init__(
        self,
        encoder: Process,
        moderators: Sequence[Process],
        encoder_ready: Callable[[], bool],
        restarted: Callable[[str], None],
    ) -> None:
        """`restarted` is told the kind of each process that is started again."""
        self._encoder = encoder
        self._moderators = moderators
        self._encoder_ready = encoder_ready
        self._restarted = restarted

    def run(self, stop: Event) -> int:
        """Until `stop` is set, or a process cannot be kept running. Returns the exit status, when all have ended."""
        status = None
        try:
            while status is None and not stop.is_set():
                status = next(self._lost(), None)
                if status is None:
                    self._start_what_is_due()
                    stop.wait(TICK)
        finally:
            unfinished = self._end()
        return unfinished if status is None else status

    def _lost(self) -> Iterator[int]:
        """Notice who has died, and give the exit status for each that is not to be started again."""
        for process in (self._encoder, *self._moderators):
            if (end := process.ended()) is None:
                continue
            status, lived = end
            pause = process.restarts.died(status, lived)
            name = process.role.name
            if pause is None:
                _log.error("process_given_up", died=name, status=status, deaths=process.restarts.deaths)
                yield exit_status(status)
            else:
                _log.warning("process_died", died=name, status=status, lived=round(lived, 1), restart_in=pause)
                process.due = time.monotonic() + pause

    def _start_what_is_due(self) -> None:
        if self._is_due(self._encoder):
            self._start(self._encoder)
        due = [process for process in self._moderators if self._is_due(process)]
        if due and self._encoder_ready():
            for process in due:
                self._start(process)

    def _is_due(self, process: Process) -> bool:
        return process.due is not None and process.due <= time.monotonic()

    def _start(self, process: Process) -> None:
        process.start()
        if process.restarts.deaths:
            self._restarted(process.role.kind)

    def _end(self) -> int:
        """Moderators first: they drain through the encoder. Returns the first status of one that did not drain."""
        statuses = _finished(self._moderators)
        _finished([self._encoder])
        # One that was told before it could listen has had nothing to drain.
        return next((exit_status(each) for each in statuses if each not in {0, -signal.SIGTERM}), 0)


def _finished(processes: Sequence[Process]) -> list[int]:
    for process in processes:
        process.role.lifeline.let_go()
    told = time.monotonic()
    return [process.finish(told + process.role.grace + LAST_WORDS) for process in processes]
