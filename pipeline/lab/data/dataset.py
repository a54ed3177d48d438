"""Labelled images: what `evaluate` and `calibrate` measure a model and its policies on.

An example names its image and says how to get its bytes; nothing is read before it is needed, so that a data set may
be larger than memory and a picture that cannot be read is found, and named, when it is its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled image."""

    name: str
    """What messages call it: its path, or which scene it is."""
    read: Callable[[], bytes]
    """The image file's bytes. Raises ``OSError`` or `ItemError` when they cannot be had."""
    labels: tuple[str, ...] = ()
    """All classes (for `evaluate`) or policy ids (for `calibrate`) that are right for it."""
    group: str | None = None
    """The group whose accuracy is reported beside the others'."""
    ignore: tuple[str, ...] = ()
    """Labels that could be argued either way; they count as neither a hit nor a miss."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Examples in order, and every class that a label may name."""

    name: str
    examples: Sequence[Example]
    classes: tuple[str, ...]
