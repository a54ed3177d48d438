"""Processes under a supervisor of the harness, which does what systemd does: start again whatever ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.chaos.proc import group_lives, in_group
from tests.services.processes import ChildProcess

PAUSE = 1.0
"""Seconds between an end and the next start."""
OUTLIVED = 25.0
"""Seconds after a process's end by which all that it has started must be gone too."""
_TICK = 0.1


@dataclass(frozen=True)
class Exit:
    """How one life of a unit, or of a process below it, ended."""

    unit: str
    status: int
    """As of `subprocess`: negative for a signal."""
    lived: float
    at: float
    asked: str | None
    """What the harness had done to it: ``SIGKILL``, ``SIGTERM``; None where it ended by itself."""
    log: str = ""
    """The file that it logged to."""
    ended: float = 0.0
    """When, in seconds since 1970; `at` is of the monotonic clock."""


class Unit:
    """One process that is to run, through all its lives."""

    def __init__(
        self, name: str, argv: Callable[[], Sequence[str]], folder: Path, env: Mapping[str, str], *, warm: bool
    ) -> None:
        self.name = name
        self.wanted = True
        self.process: ChildProcess | None = None
        self.started = 0.0
        self.lives = 0
        self.asked: str | None = None
        self._argv, self._folder, self._env, self._warm = argv, folder, env, warm
        self._due = 0.0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self.process.pid

    def start(self) -> None:
        self.lives += 1
        self.asked = None
        self.started = time.monotonic()
        name = f"{self.name}-{self.lives}"
        self.process = ChildProcess(self._argv(), self._folder, env=self._env, name=name, warm=self._warm)

    def look(self) -> Exit | None:
        """Start it if it is due; return how it ended, once for each life."""
        if self.process is None:
            if self.wanted and time.monotonic() >= self._due:
                self.start()
            return None
        status = self.process.returncode
        if status is None:
            return None
        now = time.monotonic()
        log = self.process.stderr_path.name
        ended = Exit(self.name, status, now - self.started, now, self.asked, log, time.time())
        self.process, self._due = None, now + PAUSE
        return ended

    def signal(self, number: signal.Signals, *, group: bool = False) -> bool:
        """Send it a signal, or its whole group; False where it does not live just now."""
        process = self.process
        if process is None or not process.running:
            return False
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self.asked = number.name
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, number)
            return True
        return False


class Units:
    """All units, looked after by one thread."""

    def __init__(self, folder: Path, *, warm: bool) -> None:
        self.folder, self._warm = folder, warm
        self.lock = threading.RLock()
        self.all: list[Unit] = []
        self.exits: list[Exit] = []
        self.leftovers: list[str] = []
        """Processes that outlived the one that had started them."""
        self._groups: dict[int, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-units", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for unit in self.all:
            if unit.process is not None:
                unit.process.close()
        for group in filter(group_lives, self._groups):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def add(self, name: str, argv: Callable[[], Sequence[str]], env: Mapping[str, str]) -> Unit:
        with self.lock:
            unit = Unit(name, argv, self.folder, env, warm=self._warm)
            self.all.append(unit)
            return unit

    def living(self, kind: str) -> list[Unit]:
        """Those whose name begins so and that live now."""
        with self.lock:
            return [unit for unit in self.all if unit.name.startswith(kind) and unit.running]

    def stop_all(self, kind: str, within: float) -> None:
        """End all of a kind in order (SIGTERM), and wait."""
        with self.lock:
            ending = [unit for unit in self.all if unit.name.startswith(kind)]
            for unit in ending:
                unit.wanted = False
                unit.signal(signal.SIGTERM)
        deadline = time.monotonic() + within
        while any(unit.process is not None for unit in ending) and time.monotonic() < deadline:
            time.sleep(_TICK)

    def _run(self) -> None:
        while not self._ended.wait(_TICK):
            with self.lock:
                for unit in self.all:
                    group = unit.process.pid if unit.process is not None else None
                    if (ended := unit.look()) is not None:
                        self.exits.append(ended)
                        if group is not None:
                            self._groups[group] = (unit.name, ended.at)
                self._look_for_leftovers()

    def _look_for_leftovers(self) -> None:
        now = time.monotonic()
        for group, (name, ended) in list(self._groups.items()):
            if not group_lives(group):
                del self._groups[group]
            elif now - ended > OUTLIVED:
                del self._groups[group]
                left = f"{name} (process {group}) had started outlived it by {OUTLIVED:g} s: {in_group(group)}"
                self.leftovers.append(f"what {left}")
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
