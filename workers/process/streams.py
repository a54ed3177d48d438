"""Standard streams that a process survives: closed, full, or piped to a reader who has gone."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Any, TextIO

from pipeline.errors import StopError

STREAMS = {0: os.O_RDONLY, 1: os.O_WRONLY, 2: os.O_WRONLY}
PATIENCE = 1.0
"""Seconds that a service waits for the reader of its log.

Once it has waited in vain, it does not wait again until the reader takes something.
"""
CHUNK = select.PIPE_BUF
"""Bytes that a pipe takes without waiting when it says that it takes any."""


class LossyStderr(io.RawIOBase):
    """Writes to file descriptor 2, and counts what could not be written where another stream would raise."""

    def __init__(self) -> None:
        self._lost = 0
        self._told: Callable[[int], object] | None = None
        self._lock = RLock()
        self._patience: float | None = None
        self._stuck = False

    def report_to(self, told: Callable[[int], object]) -> None:
        """From now on call this with the number of lines lost, at once with those lost so far. Must not write."""
        with self._lock:
            before, self._told = self._lost, told
        if before:
            told(before)

    def wait_no_longer_than(self, seconds: float) -> None:
        """From now on a reader who does not read holds up a write for that long at most.

        Before, it does so for as long as it likes: a person at a pager may read on in an hour.
        """
        self._patience = seconds

    def lost(self, lines: int = 1) -> None:
        """Count lines that nobody will read."""
        if not lines:  # a part of a line, which is counted at its end
            return
        with self._lock:
            self._lost += lines
            told = self._told
        if told is not None:
            with suppress(Exception):
                told(lines)

    def write(self, data: object) -> int:
        """Write all, or count it as lost. Never raises."""
        text = bytes(data)  # type: ignore[call-overload]
        try:
            if not self._write(text):
                self.lost(text.count(b"\n"))
        except OSError:
            self.lost(text.count(b"\n"))
        return len(text)

    def _write(self, text: bytes) -> bool:
        while text:
            if self._patience is None:
                text = text[os.write(2, text) :]
            elif self._takes_more(self._patience):
                text = text[os.write(2, text[:CHUNK]) :]
            else:
                return False
        return True

    def _takes_more(self, patience: float) -> bool:
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        self._stuck = not poll.poll(0 if self._stuck else round(patience * 1000))
        return not self._stuck

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def isatty(self) -> bool:
        return os.isatty(2)


class StrictStdout(io.RawIOBase):
    """Writes to file descriptor 1. The first failure raises `StopError`, a reader gone ``BrokenPipeError``."""

    def __init__(self) -> None:
        self._failed = False

    def write(self, data: object) -> int:
        text = bytes(data)  # type: ignore[call-overload]
        if self._failed:  # or closing it would complain a second time
            return len(text)
        try:
            return _write_all(text)
        except BrokenPipeError:
            raise
        except OSError as error:
            self._failed = True
            raise StopError(f"standard output cannot be written: {error.strerror}") from error

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def isatty(self) -> bool:
        return os.isatty(1)


def _write_all(text: bytes) -> int:
    left = text
    while left:
        left = left[os.write(1, left) :]
    return len(text)


stderr = LossyStderr()
"""What `stand_on_firm_ground` puts below ``sys.stderr``."""


def stand_on_firm_ground() -> None:
    """Put streams that do not fail in the place of ``sys.stderr`` and ``sys.stdout``.

    Where one is closed (``2>&-``), its descriptor would be given to the next file or socket that is opened, and
    whoever writes an error would write it there: it becomes /dev/null instead. Call it first of all in a process.
    """
    closed = [fd for fd in STREAMS if not _is_open(fd)]
    for fd in closed:
        null = os.open(os.devnull, STREAMS[fd])
        if null != fd:
            os.dup2(null, fd)
            os.close(null)
        else:  # what we start must find it there too, or takes its place for something else
            os.set_inheritable(fd, True)
    sys.stderr = io.TextIOWrapper(stderr, "utf-8", "backslashreplace", write_through=True)
    sys.stdout = _strict_stdout(sys.stdout)


def _strict_stdout(before: TextIO | None) -> TextIO:
    """A stream with the encoding of `before`, which writes as soon as that did (``PYTHONUNBUFFERED``)."""
    if not isinstance(before, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(StrictStdout()), "utf-8")
    if before.write_through:
        raw: Any = StrictStdout()
        return io.TextIOWrapper(raw, before.encoding, before.errors, write_through=True)
    below = io.BufferedWriter(StrictStdout())
    return io.TextIOWrapper(below, before.encoding, before.errors, line_buffering=before.line_buffering)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
