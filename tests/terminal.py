"""A command on a terminal of its own: what a person would see of it."""

from __future__ import annotations

import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

import pyte
from pyte.screens import Char

from tests.services.processes import child_env
from tests.services.warm import Streams, WarmProcess

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
    given = child_env({"TERM": "xterm-256color", **(env or {})})
    given = {name: value for name, value in given.items() if name not in {"COLUMNS", "LINES"}}
    device = Path(os.ttyname(theirs))
    process = WarmProcess(words, Streams(device, device, device), given, folder)
    screen = Screen(columns, ROWS, history=100_000, ratio=1)
    stream = pyte.ByteStream(screen)
    deadline = time.monotonic() + patience
    ended = False
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            stream.feed(os.read(ours, 1 << 16))
        elif ended:
            break
        ended = process.poll() is not None
    os.close(theirs)
    os.close(ours)
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(ROWS))]
    return Seen([[row[at] for at in range(columns)] for row in rows], process.wait(0))
