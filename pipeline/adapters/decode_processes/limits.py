"""What decoding one image may take, and how a decode process is held to it by the kernel."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DESCRIPTORS = 32
"""Files that a decode process may have open: its socket, and what a module that is imported late lies in."""
_DIES_WITH_PARENT = 1
_STATM_DATA = 5
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True, slots=True)
class Limits:
    """For one image: `cpu` seconds of all its threads together, `wall` seconds, and `memory` in bytes.

    Time that a process waits for a core does not count as `wall`.
    """

    cpu: float = 5.0
    wall: float = 10.0
    memory: int = 1 << 30


def ignore_signals() -> None:
    """Leave Ctrl-C, and what else is sent to all processes of a worker, to the worker: it drains, and ends us."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)


def confine(memory: int | None, parent: int) -> None:
    """Hold this process to what a decoder needs, from now on; it ends with `parent`, its parent process.

    `memory` is in bytes, as `Memory` counts them; None for no limit.
    """
    _end_with(parent)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which ends the process: see `arm`
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPROF])
    if memory is not None:
        _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, DESCRIPTORS)
    with suppress(OSError):  # where memory is short, the kernel ends this process and not the worker
        Path("/proc/self/oom_score_adj").write_bytes(b"1000")


def arm(seconds: float) -> None:
    """Have the kernel end this process when it has used that much CPU from now on; 0 takes that back.

    It holds for whatever a decoder does, in C and with the interpreter's lock as well.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


class Memory:
    """How many bytes this process has of the memory that is limited: private and writable. 0 where nobody knows."""

    def __init__(self) -> None:
        self._fd: int | None = None
        with suppress(OSError):
            self._fd = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> int:
        if self._fd is None:
            return 0
        return int(os.pread(self._fd, 128, 0).split()[_STATM_DATA]) * resource.getpagesize()

    def and_more(self, count: int) -> int | None:
        """A limit that leaves `count` bytes from here; None where nobody knows."""
        return None if self._fd is None else self() + count


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(which, (value, value))


def _end_with(parent: int) -> None:
    libc: Any = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_DIES_WITH_PARENT, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it has gone before we asked
        os._exit(0)
