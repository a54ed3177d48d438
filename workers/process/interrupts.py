"""Ctrl-C ends a command at once and in one line, whenever it is pressed: while it imports, loads a model or works.

An exception would not do for that. Libraries written in C swallow it or make another error of it, threads would be
waited for, and a traceback would be printed where it comes before there is anybody to catch it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from workers.terminal.plain import one_line

EXIT_INTERRUPTED = 130

_SHOW_CURSOR = b"\r\x1b[2K\x1b[?25h"
"""Take away the bar that is being drawn, and give back the cursor that it hides."""

_last_words: list[Callable[[], str]] = [lambda: "interrupted"]
_pressed = threading.Event()


def end_at_once() -> None:
    """From now on Ctrl-C ends the process; what has something to keep says so with `keeping` or `interruptible`."""
    signal.signal(signal.SIGINT, _end)


@contextmanager
def keeping(last_words: Callable[[], str]) -> Iterator[None]:
    """Within, a command that is interrupted calls `last_words` before it ends, and prints what they are on a line."""
    _last_words.append(last_words)
    try:
        yield
    finally:
        _last_words.pop()


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, Ctrl-C raises KeyboardInterrupt, for work that must be left in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    if _pressed.is_set():  # the second time: it hangs in its last words
        os._exit(EXIT_INTERRUPTED)
    _pressed.set()
    try:
        line = _last_words[-1]()
    except Exception as error:  # noqa: BLE001 - it must end, whatever the last words run into
        line = f"interrupted ({error})"
    leave_at_once(EXIT_INTERRUPTED, f"sluice: {line}")


def leave_at_once(status: int, line: str = "") -> None:
    """End this process now, with what it has printed and a last line on stderr, and without waiting for threads."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(OSError):
        for number in (1, 2):
            if os.isatty(number):
                os.write(number, _SHOW_CURSOR)
                break
        if line:
            os.write(2, one_line(line).encode() + b"\n")
    os._exit(status)
