"""Who saw and did what: an event in the log, a JSON line where the process has no terminal."""

from __future__ import annotations

import structlog

from workers.console.access.roles import Visitor

_log = structlog.get_logger("sluice.console")


def did(visitor: Visitor, what: str, **about: object) -> None:
    """Somebody did something that lasts, or saw a picture."""
    _log.info("console_did", who=visitor.name, role=str(visitor.role), what=what, **about)


def refused(visitor: Visitor, path: str, needed: str) -> None:
    """Somebody asked for what their role does not allow."""
    _log.warning("console_refused", who=visitor.name, role=str(visitor.role), path=path, needed=needed)
