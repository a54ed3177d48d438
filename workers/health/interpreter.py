"""Who keeps the interpreter's lock: native code that does so stops all threads, and so every answer to a probe.

Nothing written in Python would run to say so. The standard library's fault handler can: it waits in C, without the
lock.
"""

from __future__ import annotations

import faulthandler
import os
import stat
from contextlib import suppress
from threading import Thread
from time import sleep

HELD = 25.0
"""Seconds without a turn for anybody else; three probes ten seconds apart fail in about thirty."""
_BEATS = 5
STDERR = 2


def watch_interpreter(held: float = HELD) -> None:
    """From now on, all stacks are written to standard error once for each time that the lock is held that long.

    One that was stopped for that long from outside (SIGSTOP, a paused container) writes them too when it goes on. Its
    threads run again by then, and the fault handler may read a stack that moves: of 60 with busy threads 2 ended so,
    by SIGSEGV. Whoever supervises it starts it anew, and what was in flight is delivered again.
    """
    Thread(target=_beat, args=(held, _stderr()), name="sluice-heartbeat", daemon=True).start()


def _beat(held: float, descriptor: int) -> None:
    while True:
        faulthandler.dump_traceback_later(held, file=descriptor)
        sleep(held / _BEATS)


def _stderr() -> int:
    """Standard error, or its pipe anew in a way that never waits: its reader may be the one who hangs."""
    if stat.S_ISFIFO(os.fstat(STDERR).st_mode):
        with suppress(OSError):  # no /proc here
            return os.open(f"/proc/self/fd/{STDERR}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return STDERR
