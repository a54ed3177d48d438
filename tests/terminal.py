"""A command on a terminal of its own: what a person would see of it."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

import pyte
from pyte.screens import Char

from tests.services.processes import ROOT, child_env

ROWS = 24
DIM, BRIGHT_BLACK = 2, 90


@dataclass(frozen=True)
class Seen:
    """The exit status, and what stands on the terminal when the command has ended, with what has scrolled away."""

    rows: list[list[Char]]
    status: int

    @property
    def lines(self) -> list[str]:
        """The rows as text."""
        return ["".join(cell.data for cell in row).rstrip() for row in self.rows]


class Screen(pyte.HistoryScreen):
    """Shows dim text, which pyte knows nothing of, in the colour that terminals give it: bright black."""

    def select_graphic_rendition(self, *attrs: int) -> None:
        super().select_graphic_rendition(*(BRIGHT_BLACK if each == DIM else each for each in attrs))


def seen(folder: Path, columns: int, *words: str, patience: float, env: Mapping[str, str] | None = None) -> Seen:
    """Run `sluice` in a folder, on a terminal with that many columns, `patience` seconds at most."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    given = child_env({"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **(env or {})})
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={name: value for name, value in given.items() if name not in {"COLUMNS", "LINES"}},
        start_new_session=True,
    )
    os.close(theirs)
    screen = Screen(columns, ROWS, history=100_000, ratio=1)
    stream = pyte.ByteStream(screen)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 1)[0]:
            continue
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not part:
            break
        stream.feed(part)
    os.close(ours)
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(ROWS))]
    return Seen([[row[at] for at in range(columns)] for row in rows], process.wait(patience))
