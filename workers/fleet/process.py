"""One process of the machine through all its lives: started, asked, waited for."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from workers.fleet.lifeline import Lifeline
from workers.fleet.restarts import Restarts

LAST_WORDS = 2.0
"""Seconds beyond its grace until a process that cannot even end itself, a frozen one, is killed."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Role:
    """What a process is to do."""

    name: str
    """Among all of the machine's, such as ``moderator-2``."""
    kind: str
    """``encoder`` or ``moderator``."""
    argv: Sequence[str]
    environment: Mapping[str, str]
    health: Path
    """The Unix socket at which it serves ``/metrics``, ``/healthz`` and ``/readyz``."""
    lifeline: Lifeline
    """It lives by this one."""
    grace: float
    """Seconds that it may take to finish when its lifeline ends."""
    holds: Sequence[Lifeline] = ()
    """The lifelines of those that must outlive it."""


class Process:
    """Started by `start`, any number of times, each after the end of the one before."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.restarts = Restarts()
        self.due: float | None = 0.0
        """When to start it, on the monotonic clock; None while it runs."""
        self._popen: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        """Start it; its output goes where ours goes."""
        role = self.role
        self._popen = subprocess.Popen(  # noqa: S603 - ourselves
            role.argv,
            env=dict(role.environment),
            stdin=role.lifeline.read_end,
            pass_fds=[lifeline.held_end for lifeline in role.holds],
        )
        self._started, self.due = time.monotonic(), None
        _log.info("process_started", started=role.name, pid=self._popen.pid)

    def ended(self) -> tuple[int, float] | None:
        """Its return code and the seconds that it lived, once, when it has ended."""
        if self._popen is None or (status := self._popen.poll()) is None:
            return None
        self._popen = None
        return status, time.monotonic() - self._started

    def finish(self, deadline: float) -> int:
        """Wait for its end until `deadline`, on the monotonic clock, and then kill it. Returns the return code."""
        if self._popen is None:
            return 0
        try:
            return self._popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _log.error("process_killed", killed=self.role.name, reason="it did not finish in time")
            self._popen.kill()
            return self._popen.wait()
