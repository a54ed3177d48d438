"""A folder, all the way down: every file in it is either to be judged or skipped for a reason that is told.

What cannot be looked into (no permission, a link that leads nowhere) is to be judged: reading it says why it cannot
be, where a person sees it. Names are text as `os.fsdecode` makes it, so that any bytes can be a name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.rules.images.pictures import HEAD_BYTES, no_picture

_KINDS = {
    stat.S_IFIFO: "a pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}
_AGAIN = "a link to a folder that is looked at anyway"

Visited = set[tuple[int, int]]
"""Device and inode of each folder that was entered: a link that leads back leads to one of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a folder. ``skipped`` says in a few words why it is no picture; "" where it is to be judged."""

    path: str
    skipped: str = ""


def walk(folder: str, visited: Visited | None = None) -> Iterator[Found]:
    """Every file, folder by folder in the order of their names; links are followed, and no folder is entered twice.

    It holds no names but those in folders that are open, and looks at the first few kilobytes of each file. It raises
    nothing for what is on the disk. It leaves out folders that are in `visited`, and adds those that it enters.
    """
    visited = set() if visited is None else visited
    open_folders = [iter([folder])]
    while open_folders:
        path = next(open_folders[-1], None)
        if path is None:
            open_folders.pop()
            continue
        try:
            seen = os.stat(path)
        except (OSError, ValueError):
            yield Found(path)
            continue
        if not stat.S_ISDIR(seen.st_mode):
            yield Found(path, _kind(path, seen))
        elif (inode := (seen.st_dev, seen.st_ino)) not in visited:
            visited.add(inode)
            try:
                open_folders.append(iter(_inside(path)))
            except OSError:
                yield Found(path)
        elif os.path.islink(path):
            yield Found(path, _AGAIN)


def _inside(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def _kind(path: str, seen: os.stat_result) -> str:
    """Why the file is no picture; "" where it may be one, or cannot be opened."""
    if not stat.S_ISREG(seen.st_mode):
        return _KINDS.get(stat.S_IFMT(seen.st_mode), "not a file")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            head = os.read(handle, HEAD_BYTES)
        finally:
            os.close(handle)
    except OSError:
        return ""
    return no_picture(os.path.basename(path), head)
