"""When to call again a service that failed: after a rest, which grows with each failure that follows."""

from __future__ import annotations

import math
from collections.abc import Callable

FIRST_REST, LONGEST_REST = 5.0, 60.0
"""Seconds of rest after a failure; they double with every failure that follows, up to the longest."""


class Breaker:
    """Says whether to call: after a failure not for 5 s, after the next not for 10 s, and so on up to a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = -math.inf
        self._rest = FIRST_REST

    @property
    def closed(self) -> bool:
        """Whether calls may pass."""
        return self._clock() >= self._until

    def failed(self) -> float:
        """Note that a call failed; return the seconds until the next. Calls that fail side by side count as one."""
        if not self.closed:
            return self._until - self._clock()
        rest = self._rest
        self._until = self._clock() + rest
        self._rest = min(LONGEST_REST, rest * 2)
        return rest

    def worked(self) -> None:
        """Note that a call succeeded: after the next failure, the rest is the first one again."""
        self._rest = FIRST_REST
