"""What an image costs: CPU seconds and memory of this process and of those that it started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def family() -> list[int]:
    """This process and all that descend from it."""
    found, waiting = [], [os.getpid()]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in _tasks(pid):
            try:
                waiting += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
            except OSError:
                continue  # it has ended
    return found


def _tasks(pid: int) -> list[str]:
    try:
        return [each.name for each in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def _status(pid: int) -> dict[str, int]:
    """Bytes that a process has in memory, and the most it has had since its mark was reset."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {line[:5]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}


class Meter:
    """Measures from when it is made until `read`: each process alone, the dearest counts for memory.

    `spent` gives the CPU seconds that all of them have used so far, those that have ended included.
    """

    def __init__(self, spent: Callable[[], float]) -> None:
        self._spent = spent
        self._held: dict[int, int] = {}
        for pid in family():
            try:
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # the highest mark starts from what is held now
            except OSError:
                continue
            self._held[pid] = _status(pid).get("VmRSS", 0)
        self._before = spent()
        self._started = time.monotonic()

    def read(self) -> tuple[float, float, int, int]:
        """CPU seconds, wall seconds, the most bytes above what was there before, and the bytes held now."""
        wall = time.monotonic() - self._started
        seconds = max(0.0, self._spent() - self._before)
        now = {pid: _status(pid) for pid in self._held}
        most = max((each.get("VmHWM", 0) - self._held[pid] for pid, each in now.items()), default=0)
        return seconds, wall, max(0, most), sum(each.get("VmRSS", 0) for each in now.values())
