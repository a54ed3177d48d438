"""What Python itself says on stderr: of an error that nobody caught, in any thread, and of what libraries warn of."""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from contextlib import suppress
from types import TracebackType
from typing import TextIO

from workers.terminal.plain import ReaderGoneError, say


def say_surprises_safely() -> None:
    """From now on Python's own words go through `say`: they quote what strangers wrote as much as ours do."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda died: _uncaught(died.exc_type, died.exc_value, died.exc_traceback)
    warnings.showwarning = _warned


def say_trace(error: BaseException | None) -> None:
    """Say where an error came from. Where nobody can hear it, nothing is raised."""
    if error is not None:
        _uncaught(type(error), error, error.__traceback__)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    with suppress(OSError, ReaderGoneError):
        say(*"".join(traceback.format_exception(kind, error, trace)).splitlines(), err=True)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - Python's own signature
    line: str | None = None,  # noqa: ARG001 - as above
) -> None:
    with suppress(OSError, ReaderGoneError):
        say(f"{filename}:{lineno}: {category.__name__}: {message}", err=True)
