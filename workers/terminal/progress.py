"""A bar while images are worked on, where there is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from workers.terminal.console import Terminal


@contextmanager
def progress_bar(name: str, total: int) -> Iterator[Callable[[int], object]]:
    """Gives what is to be told of each number of images done."""
    with Terminal().counting(name, total) as counter:
        yield counter.advance
