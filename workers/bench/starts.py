"""What a process costs from its start to its first decision: seconds, and memory at its peak."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StopError
from workers.process.startup import python
from workers.settings import own_environment

ROUNDS = 3
"""Rounds of a start and the yardstick; the best of each counts, as other work can only make a start slower."""
YARDSTICK = python("-c", "import open_clip")


@dataclass(frozen=True, slots=True)
class Start:
    """The best of several starts."""

    seconds: float
    peak_bytes: int


def starts(image: bytes, flags: Sequence[str], affords: Callable[[float], bool]) -> tuple[Start, Start]:
    """`sluice scan` of one image, from the start of the process to its end, and importing open_clip alone.

    There is one round, and up to `ROUNDS` as long as `affords` agrees to the seconds of another.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "first.jpg")
        picture.write_bytes(image)
        scan = python("-m", "workers", "scan", str(picture), "--json", *flags)
        rounds = [(_run(scan), _run(YARDSTICK))]
        while len(rounds) < ROUNDS and affords(sum(each.seconds for each in rounds[-1])):
            rounds.append((_run(scan), _run(YARDSTICK)))
    return (
        min((ours for ours, _ in rounds), key=lambda start: start.seconds),
        min((theirs for _, theirs in rounds), key=lambda start: start.seconds),
    )


_MEASURE = """
import os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - began, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Run by a small process of its own: Linux counts the memory of whoever forks to a child's peak."""


_running: list[subprocess.Popen[str]] = []


def end_children() -> None:
    """End what is being measured, and what it has started in turn, for a bench that ends before it."""
    for process in _running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _run(command: Sequence[str]) -> Start:
    process = subprocess.Popen(  # noqa: S603 - ourselves
        python("-c", _MEASURE, *command),
        env=own_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is for the bench, which then ends them
    )
    _running.append(process)
    try:
        measured, _ = process.communicate()
    finally:
        _running.remove(process)
    if process.returncode:
        raise StopError(f"{' '.join(command)} could not be measured")
    seconds, peak, status = measured.split()
    if int(status) not in {0, 1}:
        raise StopError(f"{' '.join(command)} ended with {status}")
    return Start(float(seconds), in_bytes(int(peak)))


def in_bytes(ru_maxrss: int) -> int:
    """``getrusage`` counts memory in KiB, and in bytes on macOS."""
    return ru_maxrss * (1 if sys.platform == "darwin" else 1024)
