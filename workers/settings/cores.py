"""How many CPU cores this process may use: what it is pinned to, and what control groups' quotas leave of that."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")
UNIFIED, CPU = "cgroup2", "cpu"


def usable_cores(root: Path = ROOT) -> int:
    """Whole cores, at least one. More threads than that only take turns, and spinning ones starve each other.

    A quota holds for a control group and for all groups inside it, so the least of all of them counts, in version 1
    and 2 alike. `root` is where ``/proc`` and ``/sys`` are.
    """
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for group in _groups(root) if (quota := _quota(group)) is not None]
    return max(1, min(pinned, *map(math.ceil, quotas))) if quotas else max(1, pinned)


@dataclass(frozen=True)
class _Mount:
    """A hierarchy of control groups: the group that is shown, and the folder where it is shown."""

    kind: str
    """`UNIFIED`, or `CPU` for the hierarchy of version 1 that has that controller."""
    group: PurePosixPath
    folder: Path


def _groups(root: Path) -> Iterator[Path]:
    """The folders of every group that this process is in, from the innermost to the outermost that can be seen."""
    ours = _memberships(root)
    for mount in _mounts(root):
        group = ours.get(mount.kind)
        if group is None:
            continue
        try:
            inside = group.relative_to(mount.group)
        except ValueError:  # a container that sees its own group alone, under a name from outside
            inside = PurePosixPath()
        if ".." not in inside.parts:
            yield from (mount.folder / each for each in (inside, *inside.parents))


def _memberships(root: Path) -> dict[str, PurePosixPath]:
    """The group that this process is in, by kind of hierarchy: lines of "NUMBER:CONTROLLERS:GROUP"."""
    found = {}
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            found[UNIFIED] = PurePosixPath(group)
        elif CPU in controllers.split(","):
            found[CPU] = PurePosixPath(group)
    return found


def _mounts(root: Path) -> Iterator[_Mount]:
    """Where hierarchies are mounted: "ID PARENT DEVICE GROUP FOLDER OPTIONS ... - TYPE SOURCE SUPEROPTIONS"."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        where, what = before.split(), after.split()
        if len(where) < 5 or len(what) < 3:  # noqa: PLR2004 - the fields above
            continue
        group, folder = (each.encode().decode("unicode_escape") for each in where[3:5])
        group_and_folder = PurePosixPath(group), root / folder.lstrip("/")
        if what[0] == UNIFIED:
            yield _Mount(UNIFIED, *group_and_folder)
        elif what[0] == "cgroup" and CPU in what[2].split(","):
            yield _Mount(CPU, *group_and_folder)


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


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
