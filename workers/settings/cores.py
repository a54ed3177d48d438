"""How many CPU cores this process may use: what it is pinned to, and what control groups' quotas leave of that."""

from __future__ import annotations

import math
import os
from pathlib import Path

from workers.settings.control_groups import ROOT, control_groups


def usable_cores(root: Path = ROOT) -> int:
    """Whole cores, at least one. More threads than that only take turns, and spinning ones starve each other.

    `root` is where ``/proc`` and ``/sys`` are.
    """
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for group in control_groups("cpu", root) if (quota := _quota(group)) is not None]
    return max(1, min(pinned, *map(math.ceil, quotas))) if quotas else max(1, pinned)


def _quota(group: Path) -> float | None:
    """Cores that a group may use; None without a limit. Version 2 has both numbers in one file, in microseconds."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None  # version 1 says -1 for none
