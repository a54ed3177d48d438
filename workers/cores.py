"""How many CPU cores this process may use: what it is pinned to, and what its container's quota leaves of that."""

from __future__ import annotations

import math
import os
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(cpu_max: Path = CPU_MAX) -> int:
    """Whole cores, at least one. More threads than that only take turns, and spinning ones starve each other."""
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(pinned, _quota(cpu_max) or pinned))


def _quota(cpu_max: Path) -> int | None:
    """Control group v2's ``cpu.max``, "QUOTA PERIOD" in microseconds or "max PERIOD"; None without a limit."""
    try:
        quota, period = cpu_max.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return None
