"""Lines that repeat: the first few of a window are written, the others become one line that counts them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from threading import RLock, Timer

KINDS = 200
"""Kinds of lines that are told apart at a time; beyond that all are one kind, so that both have a bound."""

Tell = Callable[[int], object]


@dataclass(slots=True, eq=False)
class _Window:
    ends: float
    tell: Tell
    written: int = 0
    held_back: int = 0


class FloodGate:
    """Lets `most` lines of a kind through in each `window` seconds. Safe to call from many threads; never raises."""

    def __init__(self, most: int, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self.window = window
        self._clock = clock
        self._lock = RLock()
        self._windows: dict[Hashable, _Window] = {}

    def lets_through(self, kind: Hashable, tell: Tell) -> bool:
        """Whether to write this line. When the window ends, `tell` is called with the number of those held back.

        That happens on a thread of its own, so that a flood which has ended is told of as well.
        """
        with self._lock:
            kind, window, over = self._enter(kind, tell)
            if passes := window.written < self._most:
                window.written += 1
            else:
                window.held_back += 1
            first = window.held_back == 1 and not passes
        if over is not None:
            self._end(over)
        if first:
            self._tell_later(kind, window)
        return passes

    def close(self) -> None:
        """Tell now of all that is held back, because the process ends."""
        with self._lock:
            windows = list(self._windows.values())
            self._windows.clear()
        for window in windows:
            self._end(window)

    def _enter(self, kind: Hashable, tell: Tell) -> tuple[Hashable, _Window, _Window | None]:
        """The window that the line falls into, and the one before where its end has not been told of."""
        now = self._clock()
        if kind not in self._windows and len(self._windows) >= KINDS:
            self._windows = {
                each: window for each, window in self._windows.items() if window.held_back or window.ends > now
            }
            if len(self._windows) >= KINDS:
                kind = None
        before = self._windows.get(kind)
        if before is not None and before.ends > now:
            return kind, before, None
        window = self._windows[kind] = _Window(now + self.window, tell)
        return kind, window, before

    def _tell_later(self, kind: Hashable, window: _Window) -> None:
        timer = Timer(max(0.0, window.ends - self._clock()), self._over, (kind, window))
        timer.daemon, timer.name = True, "sluice-log-flood"
        with suppress(RuntimeError):  # no thread to be had: the kind's next line tells
            timer.start()

    def _over(self, kind: Hashable, window: _Window) -> None:
        with self._lock:
            if self._windows.get(kind) is window:
                del self._windows[kind]
        self._end(window)

    def _end(self, window: _Window) -> None:
        with self._lock:
            count, window.held_back = window.held_back, 0
        if count:
            with suppress(Exception):
                window.tell(count)
