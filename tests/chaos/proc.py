"""What /proc says of processes: children, names, resident memory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_CHILD = "workers.fleet.child"


def children(pid: int) -> list[int]:
    """The processes that this one has started, on any of its threads, and that live."""
    found: list[int] = []
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def family(pid: int) -> list[int]:
    """This process and all below it."""
    return [pid, *(each for child in children(pid) for each in family(child))]


def command(pid: int) -> list[str]:
    """Its command line; empty where it is gone."""
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def fleet(pid: int) -> dict[str, int]:
    """The processes of a supervisor by the name that it gave them: ``encoder``, ``moderator-1``."""
    found = {}
    for child in children(pid):
        words = command(child)
        if _CHILD in words:
            found[words[words.index(_CHILD) + 1]] = child
    return found


def resident(pid: int) -> int:
    """Bytes of resident memory; 0 where it is gone."""
    with suppress(OSError, IndexError, ValueError):
        pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def group_lives(group: int) -> bool:
    """Whether any process of that group lives; one that ended and was not waited for counts as gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, 0)
        return bool(in_group(group))
    return False


def in_group(group: int) -> dict[int, str]:
    """The state, such as ``S`` or ``T`` (stopped), of each process of that group that has not ended."""
    found = {}
    for entry in _PROC.iterdir():
        with suppress(OSError, IndexError, ValueError):
            state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if state != "Z" and int(its_group) == group:
                found[int(entry.name)] = state
    return found
