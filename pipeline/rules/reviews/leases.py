"""Who looks at what, so that no two people judge the same at the same time."""

from __future__ import annotations

from collections.abc import Collection


class Leases:
    """What somebody took is theirs for so many seconds from when they last took it, or until they give it back.

    Several things are taken together or not at all. It is used under a lock of whoever shares it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: dict[str, tuple[str, float]] = {}

    def take(self, things: Collection[str], who: str, now: float) -> bool:
        """Take all of them, or again what one has already; False where somebody else has one of them."""
        if any(self._of_another(each, who, now) for each in things):
            return False
        for each in things:
            self._held[each] = who, now + self._seconds
        return True

    def give_back(self, things: Collection[str], who: str) -> None:
        for each in things:
            if self._held.get(each, ("", 0.0))[0] == who:
                del self._held[each]

    def forget(self, now: float) -> None:
        """Keep nothing of what has run out."""
        self._held = {each: held for each, held in self._held.items() if held[1] > now}

    def _of_another(self, thing: str, who: str, now: float) -> bool:
        holder, ends = self._held.get(thing, (who, 0.0))
        return holder != who and ends > now
