"""Who is alive and makes no progress: every process is asked for its health, again and again, on a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event, Thread

import structlog

from workers.fleet.asking import ask
from workers.fleet.process import Process

LOOK = 2.0
"""Seconds between two rounds."""
FAILING = 30.0
"""Seconds for which a process may say that it does not make progress.

It says so after ``stall_after``; this comes on top. It does not say so while it merely waits for a broker, which no
restart would mend.
"""
SILENT = 120.0
"""Seconds for which it may say nothing, at its start or later: a large model that is read holds Python's lock."""
BEYOND_HELP = 3
"""A process that is hung for that many times its bound has not been helped by killing it."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found of one life of a process."""

    life: int
    speaks: bool = False
    reason: str | None = None
    since: float = 0.0
    notices: Sequence[str] = ()


class Watch:
    """Knows which processes are hung. Its answers come from the last round, so that they cost nothing."""

    def __init__(self, processes: Sequence[Process], clock: Callable[[], float] = time.monotonic) -> None:
        self._processes = processes
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._ended = Event()
        self._beat = clock()
        self._thread = Thread(target=self._look_around, name="sluice-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ask no more; does not wait for the round that is under way. Idempotent."""
        self._ended.set()

    def hung(self, process: Process) -> str | None:
        """Why this process should be killed, if it should."""
        return self._hung(process, 1)

    def beyond_help(self) -> str | None:
        """The processes that should have been killed long ago."""
        hung = [(each.role.name, reason) for each in self._processes if (reason := self._hung(each, BEYOND_HELP))]
        return "; ".join(f"{name}: {reason}" for name, reason in hung) or None

    def stalled(self) -> float:
        """Seconds since a round began, or ended."""
        return self._clock() - self._beat

    def notices(self) -> list[str]:
        """What is not well but looked after, and what the processes want people to see."""
        found = [(each.role.name, seen) for each in self._processes if (seen := self._of(each))]
        return [f"{name}: {line}" for name, seen in found for line in [seen.reason, *seen.notices] if line]

    def look(self) -> None:
        """Ask every process for its health once."""
        for process in self._processes:
            self._beat = self._clock()
            if life := process.life:
                self._seen[process.role.name] = self._looked_at(process, life)
        self._beat = self._clock()

    def _hung(self, process: Process, times: int) -> str | None:
        seen = self._of(process)
        if seen is None or seen.reason is None:
            return None
        bound = FAILING if seen.speaks else SILENT
        return seen.reason if self._clock() - seen.since > times * bound else None

    def _of(self, process: Process) -> _Seen | None:
        """What was found of the life that the process lives now."""
        seen = self._seen.get(process.role.name)
        return seen if seen is not None and seen.life == process.life else None

    def _looked_at(self, process: Process, life: int) -> _Seen:
        status, text = ask(process.role.health, "/healthz") or (HTTPStatus.BAD_GATEWAY, "it does not listen yet")
        said, *notices = text.splitlines() or [""]
        if status == HTTPStatus.OK:
            return _Seen(life, speaks=True, notices=notices)
        before, speaks = self._of(process), status == HTTPStatus.SERVICE_UNAVAILABLE
        goes_on = before is not None and before.reason is not None and before.speaks == speaks
        return _Seen(life, speaks, said, before.since if before and goes_on else self._clock(), notices)

    def _look_around(self) -> None:
        while not self._ended.wait(LOOK):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whatever it is, the next round must still come
                _log.exception("watch_failed")
