"""One process of the machine through all its lives: started, asked, waited for."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import structlog

from workers.fleet.lifeline import Lifeline
from workers.fleet.restarts import Restarts

LAST_WORDS = 2.0
"""Seconds beyond its grace until a process that cannot even end itself, a frozen one, is killed."""
TICK = 0.05
"""Seconds between two looks at a process that is to end."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Role:
    """What a process is to do."""

    name: str
    """No other process of the machine has it: ``encoder``, ``moderator-2``."""
    kind: str
    """``encoder`` or ``moderator``."""
    argv: Sequence[str]
    environment: Mapping[str, str]
    health: Path
    """The Unix socket at which it serves ``/metrics``, ``/healthz`` and ``/readyz``."""
    lifeline: Lifeline
    """The process finishes when this one ends."""
    grace: float
    """Seconds that it may take to finish when its lifeline ends."""
    holds: Sequence[Lifeline] = ()
    """The lifelines of those that must outlive it."""


class Process:
    """A process that may be started any number of times, each after the end of the life before."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.restarts = Restarts()
        self.due: float | None = 0.0
        """When to start it, on the monotonic clock; None while it runs."""
        self.life = 0
        """The number of its present life, from 1 on; 0 while it does not live."""
        self._lives = 0
        self._popen: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._ends: float | None = None
        """When it is killed, on the monotonic clock, once it was found hung."""

    def start(self) -> None:
        """Start it; its output goes where ours goes. Raises ``OSError`` where the system has no room for it."""
        role = self.role
        self._popen = subprocess.Popen(  # noqa: S603 - ourselves
            role.argv,
            env=dict(role.environment),
            stdin=role.lifeline.read_end,
            pass_fds=[lifeline.held_end for lifeline in role.holds],
        )
        self._started, self.due, self._ends = time.monotonic(), None, None
        self._lives += 1
        self.life = self._lives
        _log.info("process_started", started=role.name, pid=self._popen.pid)

    def ended(self) -> tuple[int, float] | None:
        """Its return code and the seconds that it lived, once, when it has ended."""
        if self._popen is None or (status := self._popen.poll()) is None:
            return None
        self._popen, self.life = None, 0
        return status, time.monotonic() - self._started

    def end_hung(self, reason: str) -> bool:
        """Make the process say where it hangs, and end; soon kill it. Returns True for the first call of a life."""
        if self._popen is None:
            return False
        if self._ends is None:
            _log.error("process_hangs", hangs=self.role.name, reason=reason)
            self._ends = time.monotonic() + LAST_WORDS
            self._popen.send_signal(signal.SIGABRT)  # the child's fault handler writes down what all threads are in
            return True
        if time.monotonic() > self._ends:
            self._popen.kill()
        return False

    def finish(self, deadline: float, hurry: Event) -> int:
        """Wait for its end until `deadline`, on the monotonic clock, or `hurry`, and then kill it.

        Returns the return code.
        """
        if self._popen is None:
            return 0
        while self._popen.poll() is None and time.monotonic() < deadline and not hurry.is_set():
            time.sleep(TICK)
        if self._popen.poll() is None:
            reason = "somebody is in a hurry" if hurry.is_set() else "it did not finish in time"
            _log.error("process_killed", killed=self.role.name, reason=reason)
            self._popen.kill()
        self.life = 0
        return self._popen.wait()

    def tell(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)
