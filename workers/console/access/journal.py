"""Who saw and did what: a line in the log, and an audit event for whoever keeps those."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from uuid import uuid4

import structlog

from pipeline.wire import AuditEvent, rfc3339
from workers.console.access.roles import NOBODY, Visitor

Keep = Callable[[AuditEvent], object]
GUESSES = 60
"""Wrong tokens of a minute that are told one by one: whoever reaches the console could fill a topic with them."""
_log = structlog.get_logger("sluice.console")


class Journal:
    """Is told by every page; ``keep`` gets each event at once, and must not block."""

    def __init__(self, keep: Keep | None = None, now: Callable[[], float] = time) -> None:
        self._keep = keep
        self._now = now
        self._minute, self._guesses = 0, 0

    def did(self, visitor: Visitor, what: str, **about: object) -> None:
        """Somebody did something that lasts, or saw a picture."""
        _log.info("console_did", who=visitor.name, role=str(visitor.role), what=what, **about)
        self._told(visitor, what, about, allowed=True)

    def refused(self, visitor: Visitor, path: str, needed: str) -> None:
        """Somebody asked for what their role does not allow."""
        _log.warning("console_refused", who=visitor.name, role=str(visitor.role), path=path, needed=needed)
        self._told(visitor, "was refused a page", {"path": path, "needed": needed}, allowed=False)

    def unknown(self, path: str, address: str) -> None:
        """Somebody at that address gave a token that nobody has: a mistake, or a guess.

        Of very many in a minute some are told, and how many more there were with the first of the next.
        """
        minute, more = int(self._now() // 60), 0
        if minute != self._minute:
            more = max(0, self._guesses - GUESSES)
            self._minute, self._guesses = minute, 0
        self._guesses += 1
        if self._guesses > GUESSES:
            return
        about: dict[str, object] = {"path": path, "address": address} | ({"more_before": more} if more else {})
        _log.warning("console_unknown_token", **about)
        self._told(NOBODY, "gave a wrong token", about, allowed=False)

    def _told(self, visitor: Visitor, what: str, about: dict[str, object], *, allowed: bool) -> None:
        if self._keep is None:
            return
        said = {"who": visitor.name, "role": str(visitor.role), "what": what}
        self._keep(AuditEvent(audit_id=uuid4().hex, **said, allowed=allowed, about=about, at=rfc3339(self._now())))
