"""The control groups that this process is in, by which a container's limits are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")
UNIFIED = "cgroup2"


@dataclass(frozen=True)
class _Mount:
    """A hierarchy of control groups: the group that is shown, and the folder where it is shown."""

    kind: str
    """`UNIFIED`, or the controller of a hierarchy of version 1."""
    group: PurePosixPath
    folder: Path


def control_groups(controller: str, root: Path = ROOT) -> Iterator[Path]:
    """The folders of every group that this process is in, from the innermost to the outermost that can be seen.

    A limit holds for a group and for all groups inside it, so the least of all of them counts, in version 1 and 2
    alike; in version 1 each controller, such as ``cpu``, has a hierarchy. `root` is where ``/proc`` and ``/sys`` are.
    """
    ours = _memberships(root, controller)
    for mount in _mounts(root, controller):
        group = ours.get(mount.kind)
        if group is None:
            continue
        try:
            inside = group.relative_to(mount.group)
        except ValueError:  # a container that sees its own group alone, under a name from outside
            inside = PurePosixPath()
        if ".." not in inside.parts:
            yield from (mount.folder / each for each in (inside, *inside.parents))


def _memberships(root: Path, controller: str) -> dict[str, PurePosixPath]:
    """The group that this process is in, by kind of hierarchy: lines of "NUMBER:CONTROLLERS:GROUP"."""
    found = {}
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            found[UNIFIED] = PurePosixPath(group)
        elif controller in controllers.split(","):
            found[controller] = PurePosixPath(group)
    return found


def _mounts(root: Path, controller: str) -> Iterator[_Mount]:
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
        elif what[0] == "cgroup" and controller in what[2].split(","):
            yield _Mount(controller, *group_and_folder)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
