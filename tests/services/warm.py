"""Sluice's commands in processes that need not import torch and open_clip each anew.

Those imports cost some five CPU seconds, and the tests start hundreds of processes. One interpreter for each test
process imports them once, and forks (`multiprocessing`'s forkserver): what comes of it is a process of its own with
its own streams, environment, folder and signals, in which the command begins as ``python -m workers`` begins it. What
a test wants to know of a fresh interpreter, such as its imports or its end, it asks of one.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import current_process, get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest import mock

_ROOT = Path(__file__).resolve().parents[2]
_IMPORTED = [
    "tests.services.warm",
    "workers.cli",
    "workers.commands.scan",
    "workers.commands.worker",
    "pipeline.adapters.open_clip.load",
    "pipeline.adapters.kafka.source",
]


@dataclass(frozen=True)
class Streams:
    """The files that a process has for its standard input, output and error; what it writes is appended."""

    stdin: Path
    stdout: Path
    stderr: Path


class WarmProcess:
    """A command that runs; what tests use of ``subprocess.Popen`` is here under the same names."""

    def __init__(self, words: Sequence[str | bytes], streams: Streams, env: Mapping[str, str], cwd: Path) -> None:
        """Start ``sluice`` with these words at once, leading a process group of its own."""
        streams.stdout.touch()
        streams.stderr.touch()
        self._process = context().Process(target=_run, args=(list(words), streams, dict(env), cwd))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises ``subprocess.TimeoutExpired``."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("sluice", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@cache
def context() -> ForkServerContext:
    """Processes of this context fork from the warm interpreter, which starts with the first question."""
    from multiprocessing import forkserver

    warm = get_context("forkserver")
    warm.set_forkserver_preload(_IMPORTED)
    # The libraries read the number of threads when they are loaded.
    with mock.patch.dict(os.environ, {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}):
        forkserver.ensure_running()
    return warm


def _run(words: list[str | bytes], streams: Streams, env: dict[str, str], cwd: Path) -> None:
    """What the forked process does, until the command ends it by ``SystemExit``."""
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, (path, mode) in enumerate([(streams.stdin, "r"), (streams.stdout, "a"), (streams.stderr, "a")]):
        with path.open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - these stay open to the end
    sys.stdout, sys.stderr = _written(1, "strict"), _written(2, "backslashreplace")
    current_process().name = "MainProcess"
    sys.argv = ["sluice", *map(os.fsdecode, words)]
    from workers.entry import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()


def _written(number: int, errors: str) -> io.TextIOWrapper:
    """A standard stream as ``PYTHONUNBUFFERED`` has it."""
    raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)
