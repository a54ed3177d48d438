"""One decode process as the worker sees it: asked, waited for, buried."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from weakref import finalize

from pipeline.adapters.decode_processes import spent
from pipeline.adapters.decode_processes.limits import Limits
from pipeline.adapters.decode_processes.line import READY, EndedError, Line, NonsenseError
from pipeline.adapters.decode_processes.messages import Call, Outcome, encode, outcome
from pipeline.adapters.decode_processes.nursery import NoProcessError, Nursery

BIRTH = 30.0
"""Seconds for a new process to confine itself: milliseconds, but on a machine that is out of breath."""
TICK = 0.25
"""Seconds between two looks at how long a process has taken. One that the whole machine slept through counts once."""


class DeathError(Exception):
    """The process ended with an image in hand: one of `pipeline.ports.DEATHS`, and in words what is known of it."""

    def __init__(self, cause: str, words: str) -> None:
        self.cause = cause
        super().__init__(words)


class StaleError(Exception):
    """The process had ended before the image was handed to it."""


class Process:
    """One decode process, used by one thread at a time."""

    def __init__(self, nursery: Nursery, limits: Limits) -> None:
        """Have it forked, and wait until it takes an image. Raises `NoProcessError`."""
        self._nursery = nursery
        self._limits = limits
        self._pid, connection = nursery.fork()
        self._clock = _Clock(self._pid, limits.wall)
        self._line = Line(connection, self._clock.tick)
        self._end: DeathError | None = None
        self.close = finalize(self, _hang_up, self._line, self._pid)
        """Hang up, so that it ends when it is through. Idempotent."""
        spent.begin(self._pid)
        connection.settimeout(BIRTH)
        try:
            born = connection.recv(len(READY))
        except OSError:
            born = b""
        if born != READY:
            raise NoProcessError(f"a decode process {self.bury()} before it took an image")
        connection.settimeout(TICK)

    def ask(self, call: Call, image: bytes) -> tuple[Outcome, bool]:
        """What came of the image, and whether that was the last one; then the process is buried.

        Raises `DeathError`, and `StaleError` where the image never reached it; then it is buried as well.
        """
        self._clock.start()
        try:
            self._line.send(encode(call), image)
            found, leaves = outcome(*self._line.receive(self._limits.memory))
        except TimeoutError:
            self.bury()
            raise DeathError("wall", f"took over {self._limits.wall:g} s") from None
        except NonsenseError as error:
            self.bury()
            raise DeathError("crashed", f"went wild: it said {error}") from None
        except EndedError:
            raise self.bury() from None
        except OSError as error:
            self.bury()
            raise StaleError from error
        if leaves:
            self.bury()
        return found, leaves

    def bury(self) -> DeathError:
        """End it, if it has not ended, and say how it did. Idempotent."""
        if self._end is None:  # afterwards its pid is somebody else's
            self.close()
            self._end = self._told_by(self._nursery.end(self._pid))
        return self._end

    def _told_by(self, status: int | None) -> DeathError:
        if status is None:
            return DeathError("killed", "ended, nobody knows how")
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            return DeathError("exited", f"ended by itself, exit status {code}")
        if code == -signal.SIGPROF:
            return DeathError("cpu", f"took over {self._limits.cpu:g} s of CPU")
        if code == -signal.SIGKILL:
            return DeathError("killed", "was killed from outside, as where memory is short")
        return DeathError("crashed", f"crashed: {signal.strsignal(-code) or 'a signal'} (signal {-code})")


def _hang_up(line: Line, pid: int) -> None:
    spent.end(pid)
    line.close()


class _Clock:
    """How long a process has taken, in ticks: a time that the whole machine slept through counts as one.

    What its first thread has waited for a core, ready to run, is left out where the system tells.
    """

    def __init__(self, pid: int, limit: float) -> None:
        self._stat = Path(f"/proc/{pid}/schedstat")
        self._limit = limit
        self._taken = 0.0
        self._waited: float | None = None

    def start(self) -> None:
        self._taken, self._waited = 0.0, None

    def tick(self) -> None:
        """Count one more. Raises ``TimeoutError`` at the limit."""
        before, self._waited = self._waited, self._waited_so_far()
        # The system tells of a wait when it is over: it may have begun some ticks ago, which then did not count.
        waited = 0.0 if before is None else self._waited - before
        self._taken = max(0.0, self._taken + TICK - waited)
        if self._taken >= self._limit:
            raise TimeoutError

    def _waited_so_far(self) -> float:
        try:
            return int(self._stat.read_bytes().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0
