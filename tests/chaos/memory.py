"""Resident memory of every process of ours, by what it is."""

from __future__ import annotations

from tests.chaos.proc import children, family, fleet, resident
from tests.chaos.rig import Rig


def resident_now(rig: Rig) -> dict[str, int]:
    """Bytes by process; those that a worker has started, such as for decoding, are summed up under its name."""
    found: dict[str, int] = {}
    for target in rig.targets("worker", "moderator", "encoder", "supervisor"):
        found[target.name] = resident(target.pid)
        named = set(fleet(target.pid).values())
        below = [pid for child in children(target.pid) if child not in named for pid in family(child)]
        if below:
            found[f"{target.name}: {len(below)} below it"] = sum(map(resident, below))
    return found
