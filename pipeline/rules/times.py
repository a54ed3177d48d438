"""From when to when: what a person says of time, as values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import NamedTuple

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw])", re.ASCII)
_DAY = _UNITS["d"]


class Window(NamedTuple):
    """Times in seconds since the epoch; None where it is open. `until` is not part of it."""

    since: float | None = None
    until: float | None = None

    def holds(self, time: float) -> bool:
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)

    def touches(self, day: date) -> bool:
        """Whether some time of that day, in UTC, is part of it."""
        start = _start(day)
        return (self.since is None or start + _DAY > self.since) and (self.until is None or start < self.until)

    def covers(self, day: date) -> bool:
        """Whether every time of that day, in UTC, is part of it."""
        start = _start(day)
        return (self.since is None or start >= self.since) and (self.until is None or start + _DAY <= self.until)


ALWAYS = Window()


def parse_time(text: str, now: float) -> float:
    """Seconds since the epoch, from ``90s``, ``2h`` or ``3d`` before now, or from an ISO 8601 time.

    A time without a zone is UTC. Raises `ValueError` with what is taken.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return now - float(ago[1]) * _UNITS[ago[2]]
    try:
        return in_utc(text.strip()).timestamp()
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: say how long ago, such as 30m, 2h or 3d, or when, such as 2026-03-01T14:00"
        ) from None


def in_utc(iso_8601: str) -> datetime:
    """The time that is written there; without a zone it is UTC.

    Raises ``ValueError`` for what is none, and for one so far away that it is none in UTC.
    """
    at = datetime.fromisoformat(iso_8601)
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{iso_8601!r} lies outside the years 1 to 9999 in UTC") from error


def _start(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()


def seconds_of(rfc3339: str) -> float:
    """Since the epoch. What has expired since a decision was made counted for it."""
    return datetime.fromisoformat(rfc3339).timestamp()
