"""Waiting by asking again, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = (0.02, 0.5)
"""Least and most seconds between two questions: below what a test notices, and above what a core does."""
_SHARE = 3
"""How many times as long as a question took the next one waits: asking would slow down what is waited for."""


def until(probe: Callable[[], T | None], within: float, what: str | Callable[[], str]) -> T:
    """Ask `probe` until it answers something true, and return that answer.

    Raises TimeoutError after `within` seconds, saying `what` was awaited (a callable is asked only then, so
    that it can show the state at the end). What `probe` raises passes through.
    """
    deadline = time.monotonic() + within
    while True:
        asked = time.monotonic()
        answer = probe()
        if answer:
            return answer
        now = time.monotonic()
        if now >= deadline:
            raise TimeoutError(f"not within {within:g} s: {what() if callable(what) else what}")
        time.sleep(min(max(_SHARE * (now - asked), _PAUSE[0]), _PAUSE[1]))
