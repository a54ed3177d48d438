"""How a process ends that is told to: at once while it has nothing to drain, within a bound once it has.

Python runs a signal's handler between two steps of the main thread, and loading a model is seconds inside torch.
Nothing here waits for that: the kernel ends a process that starts, and a thread of one that runs hears of signals.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any, NoReturn

import structlog

from workers.process.ending import serving

TOLD = (signal.SIGTERM, signal.SIGINT)
INTERRUPTED = 130
OVERDUE = 70
"""Exit status of a process that did not finish in time; its work is delivered again."""
LEAVING = 10.0
"""Seconds that a worker may take, after draining, to leave its group."""
_LOOK = 0.5
"""Seconds between two looks at whether somebody else has set the event."""
_log = structlog.get_logger(__name__)


def end_at_once() -> None:
    """From now on SIGTERM and Ctrl-C end this process where it stands; its exit status is the signal's (143, 130).

    It is for as long as there is nothing to drain. The kernel ends the process, whatever that is in the middle of. It
    spares process 1 of a container, which the C library ends, with the signal's number as the status (15, 2).
    """
    for number in TOLD:
        if os.getpid() == 1:
            libc: Any = ctypes.CDLL(None)
            libc.signal(int(number), ctypes.cast(libc["_exit"], ctypes.c_void_p))
        else:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # until there is a brake to release


def raise_on_signals() -> None:
    """From now on SIGTERM and Ctrl-C raise ``SystemExit``, so that what this process holds is put away first.

    It is for a process that starts, and computes nothing that would keep Python from handling a signal.
    """

    def leave(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    for number in TOLD:
        signal.signal(number, leave)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def stop_on_signals(within: float, again: Callable[[], object] | None = None) -> Event:
    """An event that SIGTERM and Ctrl-C set from now on; so may whoever stops by itself.

    When the process has not ended `within` seconds after that, it ends at once with `OVERDUE`. A second Ctrl-C calls
    `again`, or ends the process at once where there is none; SIGTERM may come as often as it likes.
    """
    serving.set()
    stop = Event()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in TOLD:
        signal.signal(number, lambda *_: None)  # what there is to do is done on the thread
    heed = Thread(target=_heed, args=(ours, theirs, stop, within, again), name="sluice-signals", daemon=True)
    heed.start()
    return stop


def _heed(
    ours: socket.socket, theirs: socket.socket, stop: Event, within: float, again: Callable[[], object] | None
) -> None:
    del theirs  # held open: the kernel writes to it
    ours.settimeout(_LOOK)
    told, ends = False, float("inf")
    while time.monotonic() < ends:
        number = 0
        with suppress(TimeoutError):
            number = ours.recv(1)[0]
        if told and number == signal.SIGINT:
            _again(again)
        elif number in TOLD:
            told = True
            stop.set()
        if stop.is_set():
            ends = min(ends, time.monotonic() + within)
    _log.error("not_finished_in_time", seconds=within, consequence="what was in flight will be delivered again")
    os._exit(OVERDUE)


def _again(again: Callable[[], object] | None) -> None:
    if again is None:
        _log.warning("interrupted_twice", consequence="what was in flight will be delivered again")
        os._exit(INTERRUPTED)
    again()
