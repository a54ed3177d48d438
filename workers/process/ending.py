"""How a process of ours leaves: its work put away, its words written, and nothing taken apart by the interpreter."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from threading import enumerate as threads
from typing import NoReturn

HARMLESS = {"sluice-signals", "sluice-lifeline", "sluice-log-flood", "sluice-health", "sluice-heartbeat"}
"""Threads that compute nothing, so that the interpreter may end around them."""
serving = Event()
"""Set in a process that serves until it is told to stop, and has put everything away by the time that it leaves."""
_status = 1
"""What this process ends with: Python's own, where an exception ends it, until something else is known."""


@contextmanager
def no_teardown() -> Iterator[None]:
    """What runs within, outermost and once a process, ends it without having the interpreter taken apart.

    All else comes before that as ever: threads that are no daemons are waited for, what was registered with `atexit`
    runs, and what was printed is written. But Arrow's threads let go of a file or a buffer of Python's a moment after
    its reader has gone on, and one of them that wants the interpreter while that is taken apart aborts the process:
    a command that had answered would end with the status of a crash (-6). And a service that has loaded a model takes
    over a second of CPU to take apart what the kernel frees at once: on a busy machine six seconds, in which its
    supervisor took it for one that hangs.
    """
    atexit.register(_end)  # the first to be registered is the last to run
    try:
        yield
        _ends_with(0)
    except SystemExit as ended:
        _ends_with(ended.code if isinstance(ended.code, int) else int(ended.code is not None))
        raise


def leave(status: int) -> NoReturn:
    """End this process with that status, without waiting for threads where they may hang or are of no use any more.

    A thread inside a native library hangs, or has been told to let go. A service has put everything away by now.
    """
    with suppress(Exception):
        sys.stdout.flush()
    if any(each.daemon and each.name.startswith("sluice-") and each.name not in HARMLESS for each in threads()):
        os._exit(status)
    if serving.is_set():
        _ends_with(status)
        atexit._run_exitfuncs()  # noqa: SLF001 - such as lines of the log that are held back; there is no other name
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()  # where that fails, Python says so, and ends in its own way
    os._exit(_status)


def _ends_with(status: int) -> None:
    global _status  # noqa: PLW0603 - a process has one end
    _status = status
