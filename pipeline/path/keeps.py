"""Which items' images a stage leaves to a later one, which needs the bytes once more."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.items import Item

Keeps = Callable[[Item], bool]


def no_image(_: Item) -> bool:
    """No later stage needs an image."""
    return False


def every_image(_: Item) -> bool:
    """A later stage may need any."""
    return True
