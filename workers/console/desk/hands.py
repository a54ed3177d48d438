"""Leases of one console, and of all that share a Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from pipeline.adapters.memory.leases import MemoryLeases
from pipeline.ports import Leases

LEASE = 300.0
"""Seconds for which an image is in somebody's hands; after that it still is, unless another takes it."""
SETTLES = 60.0
"""Seconds for which nobody gets what was judged: other consoles have read the review by then."""
ALONE = "Who has which image in hand is known to this console alone: without a redis_url all review at one"
AWAY = "Redis does not answer: until it does, somebody at another console may be given the same image"


class Hands:
    """Who has which images in hand. Safe to share; a Redis that is away delays a call by a second or two at most.

    Without its answer this console goes by what it knows itself, and asks Redis again at the judgement.
    """

    def __init__(self, shared: Leases | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._own = MemoryLeases(clock)
        self._shared = shared
        self.trouble = ALONE if shared is None else ""
        """What a person should know who reviews here; empty where all is well."""

    def take(self, things: Collection[str], who: str) -> bool:
        """Take all of them for `LEASE`; False where somebody else has one of them."""
        if not self._own.take(things, who, LEASE):
            return False
        if self._shared is None:
            return True
        taken = self._shared.take(things, who, LEASE)
        self.trouble = AWAY if taken is None else ""
        if taken is False:
            self._own.give_back(things, who)
        return taken is not False

    def put_down(self, things: Collection[str], who: str) -> None:
        """They have not been judged, and are anybody's."""
        self._own.give_back(things, who)
        if self._shared is not None:
            self._shared.give_back(things, who)

    def settle(self, things: Collection[str], who: str) -> None:
        """They have been judged: here that is known, and elsewhere it soon will be. Until then nobody gets them."""
        self._own.give_back(things, who)
        if self._shared is not None:
            self._shared.take(things, who, SETTLES, _judged(who))

    def unsettle(self, things: Collection[str], who: str) -> None:
        """They take back what they said, and have them again, unless somebody else does."""
        self._own.take(things, who, LEASE)
        if self._shared is not None:
            self._shared.take(things, _judged(who), LEASE, who)


def _judged(who: str) -> str:
    return f"judged by\n{who}"
