"""What is said on stderr beside the log: why a command ends, errors that nobody caught, and what libraries warn of.

Each is lines of text, for people; where every line of the log must be JSON, it is an event of the log instead.
"""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TextIO

from workers.terminal.plain import ReaderGoneError, say

Log = Callable[[str, Sequence[str]], object]
"""Takes the name of an event, and its lines of text."""
_log: Log | None = None


def say_surprises_safely() -> None:
    """From now on Python's own words go through `say`: they quote what strangers wrote as much as ours do."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda died: _uncaught(died.exc_type, died.exc_value, died.exc_traceback)
    warnings.showwarning = _warned


def say_as_events(log: Log | None) -> None:
    """From now on hand what is said to the log, whose lines a machine reads; None: say it in lines of text."""
    global _log  # noqa: PLW0603 - a process has one stderr
    _log = log


def complain(reason: str, *more: str) -> None:
    """Say what is wrong, and why a command ends; where nobody can hear it, the exit status must do."""
    _say("stopped", [reason, *more], f"sluice: {reason}", *more)


def warn(line: str) -> None:
    """Say what a person should look at, though the command goes on."""
    _say("warned", [line], f"sluice: {line}")


def say_trace(error: BaseException | None) -> None:
    """Say where an error came from. Where nobody can hear it, nothing is raised."""
    if error is not None:
        _uncaught(type(error), error, error.__traceback__)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    _say("uncaught", lines, *lines)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - Python's own signature
    line: str | None = None,  # noqa: ARG001 - as above
) -> None:
    said = f"{filename}:{lineno}: {category.__name__}: {message}"
    _say("warned", [said], said)


def _say(event: str, told: Sequence[str], *lines: str) -> None:
    with suppress(OSError, ReaderGoneError):
        if _log is None:
            say(*lines, err=True)
        else:
            _log(event, told)
