"""A bar while images are worked on, where there is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workers.terminal.console import Terminal


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[int], object]]:
    """Yield a function that takes the number of images done since its last call."""
    with Terminal().counting(name, total) as counter:
        yield counter.advance
