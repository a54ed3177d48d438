"""Where every thread stands, in the log, for whoever has to find out why a process hung."""

from __future__ import annotations

import sys
import threading
from types import FrameType

import structlog

FRAMES = 30
"""Innermost calls shown of a thread."""
THREADS = 200
_log = structlog.get_logger(__name__)


class Stacks:
    """Logs all stacks once for each time that a process stops being well. Safe to call from many threads."""

    def __init__(self) -> None:
        self._told = False
        self._lock = threading.Lock()

    def heed(self, reason: str | None) -> None:
        """Take note of why the process is not well; None where it is, and the next reason is a new one."""
        with self._lock:
            new, self._told = reason is not None and not self._told, reason is not None
        if new:
            _log.error("not_alive", reason=reason, threads=stacks())


def stacks() -> dict[str, str]:
    """What each thread but the caller is in, by its name: the innermost call first, as ``file:line function``."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()  # noqa: SLF001 - documented, for this very purpose
    frames.pop(threading.get_ident(), None)
    return {names.get(ident, f"thread {ident}"): _calls(frame) for ident, frame in [*frames.items()][:THREADS]}


def _calls(frame: FrameType | None) -> str:
    calls: list[str] = []
    while frame is not None and len(calls) < FRAMES:
        calls.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(calls)
