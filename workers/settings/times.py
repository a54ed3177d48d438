"""Times as a person types them behind a flag."""

from __future__ import annotations

import time
from datetime import date

from pipeline.errors import UsageError
from pipeline.rules.times import Window, parse_time

WHEN = "30m, 2h, 3d ago, or an ISO time (UTC)"


def time_of(flag: str, text: str, now: float) -> float:
    """Seconds since the epoch. Raises `UsageError`, which names the flag."""
    try:
        return parse_time(text, now)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from error


def day_of(flag: str, text: str | None) -> date | None:
    """The day; None where none is said. Raises `UsageError`, which names the flag."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text}: that is no day; write it as 2026-03-01") from error


def window_of(since: str | None, until: str | None) -> Window:
    """From ``--since`` up to and without ``--until``, each from now back or as it is. Raises `UsageError`."""
    now = time.time()
    window = Window(
        None if since is None else time_of("--since", since, now),
        None if until is None else time_of("--until", until, now),
    )
    if window.since is not None and window.until is not None and window.since >= window.until:
        raise UsageError(f"--since {since} is not before --until {until}")
    return window
