"""How processes end with those they serve: a pipe that nobody writes to.

Its end comes when the last holder has let go of it or died, however it died, since the kernel closes what a process
held. A signal from the parent would need a parent that lives, and Linux's parent-death signal needs code between fork
and exec, which threads make unsafe.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from threading import Thread

from workers.process.signals import OVERDUE

STDIN = 0


class Lifeline:
    """The pipe, as the supervisor has it. `read_end` becomes the standard input of whoever lives by it."""

    def __init__(self) -> None:
        self.read_end, self.held_end = os.pipe()
        self._held = True

    def let_go(self) -> None:
        """Hold it no longer. Idempotent."""
        if self._held:
            self._held = False
            os.close(self.held_end)
            os.close(self.read_end)


def live_by_stdin(grace: float) -> None:
    """Finish, as after SIGTERM, when the lifeline on standard input ends; after `grace` seconds more, end at once.

    Signals that reach a whole process group or control group (Ctrl-C, systemd) are left to the supervisor, which ends
    its processes in the order that lets them drain. Call this before there are other threads: they inherit what is
    blocked.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    Thread(target=_finish_at_the_end, args=(STDIN, grace, os._exit), name="sluice-lifeline", daemon=True).start()


def _finish_at_the_end(read_end: int, grace: float, leave: Callable[[int], object]) -> None:
    # Not sys.stdin: a thread that waits inside it while the interpreter shuts down is a fatal error.
    os.read(read_end, 1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    signal.raise_signal(signal.SIGTERM)
    time.sleep(grace)
    leave(OVERDUE)
