"""Waiting by asking again, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.02  # seconds between two questions: far below what a test notices, far above what a core does


def until(probe: Callable[[], T | None], within: float, what: str | Callable[[], str]) -> T:
    """Ask `probe` until it answers something true, and return that answer.

    Raises TimeoutError after `within` seconds, saying `what` was awaited (a callable is asked only then, so
    that it can show the state at the end). What `probe` raises passes through.
    """
    deadline = time.monotonic() + within
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"not within {within:g} s: {what() if callable(what) else what}")
        time.sleep(_PAUSE)
