"""Who has what in hand, where several people take from one pile."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Leases(Protocol):
    """What somebody took is theirs for so many seconds from when they last took it, or until they give it back.

    Safe to call from many threads. No call raises, each returns in bounded time.
    """

    def take(self, things: Collection[str], who: str, seconds: float, then: str | None = None) -> bool | None:
        """Take all of them, or again what one has already, or none; they are then `then`'s, where that is another.

        False where somebody else has one of them, None where nobody answers.
        """

    def give_back(self, things: Collection[str], who: str) -> None:
        """What of them is theirs is anybody's from now on."""
