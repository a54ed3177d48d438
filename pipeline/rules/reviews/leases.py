"""Who looks at what, so that no two people judge the same at the same time."""

from __future__ import annotations

from collections.abc import Collection


class Held:
    """What is in whose hands. It is used under a lock of whoever shares it."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, float]] = {}
        self._swept = 0.0

    def take(self, things: Collection[str], who: str, seconds: float, now: float, then: str | None = None) -> bool:
        """Take all of them, or again what one has already; False where somebody else has one of them.

        They are then `then`'s, where that is another.
        """
        if any(self._of_another(each, who, now) for each in things):
            return False
        self._sweep(seconds, now)
        for each in things:
            self._held[each] = then or who, now + seconds
        return True

    def give_back(self, things: Collection[str], who: str) -> None:
        for each in things:
            if self._held.get(each, ("", 0.0))[0] == who:
                del self._held[each]

    def _sweep(self, seconds: float, now: float) -> None:
        """Forget what has run out, as seldom as that takes, so that what is held here has a bound."""
        if now - self._swept > seconds:
            self._held = {each: held for each, held in self._held.items() if held[1] > now}
            self._swept = now

    def _of_another(self, thing: str, who: str, now: float) -> bool:
        holder, ends = self._held.get(thing, (who, 0.0))
        return holder != who and ends > now
