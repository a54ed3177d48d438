"""One module for each format: files of a right structure and hostile values, and files made to be costly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

Make = Callable[[Random], bytes]


@dataclass(frozen=True)
class Makers:
    """What makes files of one format. Each gives the same bytes for the same state of its source of chance."""

    grammar: Sequence[Make]
    """Small files: structures that a reader follows, with hostile values in them."""
    bombs: Sequence[Make]
    """Files that ask for more time or memory than their bytes show."""
