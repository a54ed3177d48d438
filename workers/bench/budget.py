"""The time that a bench may take: a part is begun only where it fits, and what did not fit is told.

A part that was begun is measured to its end, so no figure is of half a measurement.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Say = Callable[[str], object]


class Budget:
    """The seconds of a bench. Parts follow each other, and each may use the time up to a share of the whole.

    The whole is what `begin` finds left: the time that a large model takes to load is no part's.
    """

    def __init__(self, seconds: float, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self.missing: list[str] = []
        """What was not measured, or less often than usual, and why: a line each."""
        self.doing = ""
        """What is being done now, in words."""
        self._say = say
        self._clock = clock
        self._started = self._begun = clock()
        self._until = self._started + seconds

    def say(self, what: str) -> None:
        """Tell what is done from now on, and how much of the time is gone."""
        self.doing = what
        self._say(f"[{_minutes(self.elapsed)} of {_minutes(self.seconds)}] {what}")

    def begin(self) -> None:
        """The time that is left now is what parts share."""
        self._begun = self._clock()

    def part(self, share: float) -> None:
        """Begin a part, which must be through when that share (0 to 1) of the whole time is gone."""
        self._until = self._begun + share * (self._started + self.seconds - self._begun)

    @property
    def elapsed(self) -> float:
        """Seconds since the budget was made."""
        return self._clock() - self._started

    @property
    def left(self) -> float:
        """Seconds that this part has left; below 0 when it is overdue."""
        return self._until - self._clock()

    def affords(self, what: str, seconds: float) -> bool:
        """Whether this part has that many seconds left; else `what` is listed as missing."""
        if seconds <= self.left:
            return True
        self.missing.append(f"{what}: not measured, it would take about {_minutes(seconds)}")
        return False


def _minutes(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02}"
