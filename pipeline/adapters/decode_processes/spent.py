"""How much CPU decode processes have used: those that have ended count for as much as was last known of them."""

from __future__ import annotations

import time
from threading import RLock

_lock = RLock()
"""A process may be forgotten wherever Python collects garbage, also while this very thread holds the lock."""
_living: dict[int, float] = {}
"""By pid, what each had used when it was last looked at."""
_past = [0.0]


def begin(pid: int) -> None:
    """Count that process from now on."""
    with _lock:
        _living[pid] = 0.0


def end(pid: int) -> None:
    """Look at it once more. Afterwards its pid may be somebody else's."""
    with _lock:
        if pid in _living:
            _past[0] += max(_living.pop(pid), _used_by(pid))


def cpu_seconds() -> float:
    """CPU that all decode processes of this process have used so far, as far as the system tells."""
    with _lock:
        for pid in list(_living):
            _living[pid] = max(_living[pid], _used_by(pid))
        return _past[0] + sum(_living.values())


def _used_by(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | 2)  # another's clock on Linux, as clock_getcpuclockid has it
    except OSError:
        return 0.0
