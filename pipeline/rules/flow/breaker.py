"""Whether to try again what failed: left alone after a failure, for longer after each that follows."""

from __future__ import annotations

import math
from collections.abc import Callable

FIRST_REST, LONGEST_REST = 5.0, 60.0
"""Seconds without touching Redis after a failure; they double with every failure that follows."""


class Breaker:
    """Says whether to try: after a failure not for 5 s, after the next not for 10 s, and so on up to a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = -math.inf
        self._rest = FIRST_REST

    @property
    def closed(self) -> bool:
        """Whether calls may pass."""
        return self._clock() >= self._until

    def failed(self) -> float:
        """A call failed; returns how long there will be none. Calls that fail side by side count as one."""
        if not self.closed:
            return self._until - self._clock()
        rest = self._rest
        self._until = self._clock() + rest
        self._rest = min(LONGEST_REST, rest * 2)
        return rest

    def worked(self) -> None:
        """A call came through: the next failure starts over."""
        self._rest = FIRST_REST
