"""One decode process as the worker sees it: asked, waited for, buried."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from pathlib import Path
from weakref import finalize

from pipeline.adapters.decode_processes.limits import Limits
from pipeline.adapters.decode_processes.messages import (
    READY,
    Call,
    DecoderFaultError,
    EndedError,
    NonsenseError,
    outcome,
    receive,
    send,
)
from pipeline.adapters.decode_processes.nursery import NoProcessError, Nursery
from pipeline.errors import ItemError
from pipeline.ports import Decoded

BIRTH = 30.0
"""Seconds for a new process to confine itself: milliseconds, but on a machine that is out of breath."""
TICK = 0.25
"""Seconds between two looks at how long a process has taken. One that the whole machine slept through counts once."""


class DeathError(Exception):
    """The process ended with an image in hand: one of `pipeline.ports.DEATHS`, and in words what is known of it."""

    def __init__(self, cause: str, words: str) -> None:
        self.cause = cause
        super().__init__(words)


class Process:
    """One decode process, used by one thread at a time."""

    def __init__(self, nursery: Nursery, limits: Limits) -> None:
        """Have it forked, and wait until it takes an image. Raises `NoProcessError`."""
        self._nursery = nursery
        self._limits = limits
        self._pid, self._connection = nursery.fork()
        self._poll = select.poll()
        self._poll.register(self._connection, select.POLLIN)
        self._end: tuple[DeathError, float] | None = None
        self.close = finalize(self, self._connection.close)
        """Hang up, so that it ends when it is through. Idempotent."""
        self._await_birth()

    def ask(self, call: Call, image: bytes) -> tuple[Decoded | ItemError | DecoderFaultError, bool]:
        """What came of the image, and whether the process has ended with that.

        Raises `DeathError`, after which it is buried.
        """
        try:
            send(self._connection, call, image)
            self._wait()
            answer, body = receive(self._connection, self._limits.memory)
            found, leaves = outcome(answer, body), isinstance(answer, Call) or answer.leaves
        except TimeoutError:
            self.bury()
            raise DeathError("wall", f"took over {self._limits.wall:g} s") from None
        except NonsenseError as error:
            self.bury()
            raise DeathError("crashed", f"went wild and said {error}") from None
        except (EndedError, OSError):
            raise self.bury() from None
        if leaves:
            self.bury()
        return found, leaves

    def is_there(self) -> bool:
        """Whether it waits for an image. One that ended between two images did not die of the next."""
        return not self._poll.poll(0)

    def cpu_seconds(self) -> float:
        """CPU that it has used, all threads; 0 where the system does not tell."""
        if self._end is not None:
            return self._end[1]
        try:
            return time.clock_gettime(~self._pid << 3 | 2)  # another's clock on Linux, as clock_getcpuclockid has it
        except OSError:
            return 0.0

    def bury(self) -> DeathError:
        """End it, if it has not ended, and say how it did. Idempotent."""
        if self._end is None:  # afterwards its pid is somebody else's
            spent = self.cpu_seconds()
            self.close()
            self._end = self._told_by(self._nursery.end(self._pid)), spent
        return self._end[0]

    def _await_birth(self) -> None:
        self._connection.settimeout(BIRTH)
        try:
            born = self._connection.recv(len(READY))
        except OSError:
            born = b""
        if born != READY:
            raise NoProcessError(f"a decode process {self.bury()} before it took an image")
        self._connection.settimeout(self._limits.wall)

    def _wait(self) -> None:
        """Wait for an answer. Raises ``TimeoutError`` when it has taken too long, waits for a core left out."""
        taken, waited = 0.0, None
        while not self._poll.poll(TICK * 1000):
            before, waited = waited, self._waited_for_cores()
            taken += TICK if before is None else max(0.0, TICK - (waited - before))
            if taken >= self._limits.wall:
                raise TimeoutError

    def _waited_for_cores(self) -> float:
        """Seconds that its first thread has waited for a core, ready to run; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self._pid}/schedstat").read_bytes().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

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
