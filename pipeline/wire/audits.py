"""An audit event: who saw or did what in the console, as an event on the audit topic (key: the person's name)."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.wire.names import AUDIT_SCHEMA
from pipeline.wire.nesting import refuses_deep


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What one person did, or what their role did not allow them (``allowed`` is false). ``at`` is RFC 3339."""

    schema: str = AUDIT_SCHEMA
    audit_id: str
    who: str
    role: str
    what: str
    allowed: bool = True
    about: dict[str, Any] = {}
    """What it was done to: ids, names of policies, words that were asked for. No picture."""
    at: str


_encode = msgspec.json.Encoder().encode
_decode = refuses_deep(msgspec.json.Decoder(AuditEvent).decode)


def audit_json(event: AuditEvent) -> bytes:
    """The event as one line of JSON, without a line end."""
    return _encode(event)


def parse_audit(value: bytes) -> AuditEvent:
    """Read an audit event back from its bytes; raises `msgspec.DecodeError` naming what does not fit."""
    return _decode(value)
