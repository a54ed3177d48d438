"""What a person has done at the desk, as their page shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What a person has done: since the console started, in the last hour, and as others do where that is known."""

    judged: int
    in_hour: int
    right: int
    golden: int
    waiting: int
    """Images of the queue that are known to wait, at least."""
    looked: str = ""
    """Where the queue came from."""
    alone: str = ""
    """Why somebody at another console might be given the same image, if so."""
