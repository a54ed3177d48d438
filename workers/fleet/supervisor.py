"""Keeps the processes of a machine running, and ends them in the order that lets them drain."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

import structlog

from workers.fleet.process import LAST_WORDS, Process
from workers.fleet.restarts import EXIT_USAGE, exit_status

TICK = 0.1
"""Seconds between two looks at the processes."""
SOON = 4.0
"""Seconds until somebody is started, at most, where nobody of a kind lives: a longer pause would spare nothing then,
since nothing can be decided meanwhile."""
NOT_STARTED = 71
"""The status of a process that the system had no room for."""
_log = structlog.get_logger(__name__)


class Told(Protocol):
    """Who hears of what happens to the processes, by their kind."""

    def restarted(self, kind: str) -> None:
        """A process was started again."""

    def hung(self, kind: str) -> None:
        """A process made no progress and is being killed."""

    def failing(self, kind: str, processes: int) -> None:
        """That many processes of a kind die again and again."""


class Supervisor:
    """One encoder and the moderators around it.

    A moderator is started only while the encoder is ready: its patience is for a restart of the encoder, and not for
    the minutes that a large model may take the first time. One that runs waits for an encoder that is started again.

    A process that dies is started again for ever, after longer and longer pauses, and the others work on; where there
    are no others, soon. All are
    ended only by a mistake that a person must mend and under which nothing has ever worked: the encoder's, before it
    was ever ready, or that of every moderator.
    """

    def __init__(
        self,
        encoder: Process,
        moderators: Sequence[Process],
        encoder_ready: Callable[[], bool],
        told: Told,
        hung: Callable[[Process], str | None] = lambda _: None,
    ) -> None:
        """`hung` gives the reason why a process should be killed for making no progress."""
        self._encoder = encoder
        self._moderators = moderators
        self._all = (encoder, *moderators)
        self._encoder_ready = encoder_ready
        self._encoder_was_ready = False
        self._told = told
        self._hung = hung
        self._beat = time.monotonic()

    def run(self, stop: Event, hurry: Event | None = None) -> int:
        """Keep the processes running until `stop` is set or nothing can ever work; then end them all.

        Returns the exit status. Once `hurry` is set no process is given time to drain.
        """
        status = None
        try:
            while status is None and not stop.is_set():
                self._beat = time.monotonic()
                self._notice_deaths()
                self._end_what_hangs()
                if (status := self._hopeless()) is None:
                    self._start_what_is_due()
                    stop.wait(TICK)
        finally:
            unfinished = self._end(hurry or Event())
        return unfinished if status is None else status

    def stalled(self) -> float:
        """Seconds since the loop last came round."""
        return time.monotonic() - self._beat

    def notices(self) -> list[str]:
        """Which processes die again and again."""
        return [
            f"{each.role.name}: keeps dying, {each.restarts.early} times in a row, at last by {each.restarts.last}"
            for each in self._all
            if each.restarts.keeps_dying
        ]

    def tell_moderators(self, number: int) -> None:
        for process in self._moderators:
            process.tell(number)

    def _notice_deaths(self) -> None:
        for process in self._all:
            if (end := process.ended()) is not None:
                self._died(process, *end)

    def _died(self, process: Process, status: int, lived: float) -> None:
        pause = process.restarts.died(status, lived)
        if not any(each.due is None for each in self._of_kind(process) if each is not process):
            pause = min(pause, SOON)
        process.due = time.monotonic() + pause
        said = {"died": process.role.name, "status": status, "lived": round(lived, 1), "restart_in": pause}
        if process.restarts.keeps_dying:
            _log.error("process_keeps_dying", **said, in_a_row=process.restarts.early)
        else:
            _log.warning("process_died", **said)
        kind = self._of_kind(process)
        self._told.failing(process.role.kind, sum(each.restarts.keeps_dying for each in kind))

    def _of_kind(self, process: Process) -> list[Process]:
        return [each for each in self._all if each.role.kind == process.role.kind]

    def _end_what_hangs(self) -> None:
        for process in self._all:
            if process.life and (reason := self._hung(process)) and process.end_hung(reason):
                self._told.hung(process.role.kind)

    def _hopeless(self) -> int | None:
        """The exit status where a person must mend something before anything can work."""
        encoder = self._encoder.restarts.never_worked and not self._encoder_was_ready
        if encoder or all(each.restarts.never_worked for each in self._moderators):
            _log.error("nothing_can_work", reason="see what the process said last", status=EXIT_USAGE)
            return EXIT_USAGE
        return None

    def _start_what_is_due(self) -> None:
        if self._is_due(self._encoder):
            self._start(self._encoder)
        due = [process for process in self._moderators if self._is_due(process)]
        if due and self._encoder_ready():
            self._encoder_was_ready = True
            for process in due:
                self._start(process)

    def _is_due(self, process: Process) -> bool:
        return process.due is not None and process.due <= time.monotonic()

    def _start(self, process: Process) -> None:
        try:
            process.start()
        except OSError as error:  # no memory, no process, no descriptor to be had
            _log.error("process_not_started", process_name=process.role.name, error=str(error))
            self._died(process, NOT_STARTED, 0.0)
            return
        if process.restarts.deaths:
            self._told.restarted(process.role.kind)

    def _end(self, hurry: Event) -> int:
        """Moderators first: they drain through the encoder. Returns the first status of one that did not drain."""
        statuses = _finished(self._moderators, hurry)
        _finished([self._encoder], hurry)
        # One that was told before it could listen has had nothing to drain.
        return next((exit_status(each) for each in statuses if each not in {0, -signal.SIGTERM}), 0)


def _finished(processes: Sequence[Process], hurry: Event) -> list[int]:
    for process in processes:
        process.role.lifeline.let_go()
    told = time.monotonic()
    return [process.finish(told + process.role.grace + LAST_WORDS, hurry) for process in processes]
