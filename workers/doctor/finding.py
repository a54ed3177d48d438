"""What a check finds."""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """One line: how it is, what was found, and what to do about it; nothing to do where all is well."""

    status: Status
    found: str
    todo: str = ""


def ok(found: str) -> Finding:
    return Finding("ok", found)


def warn(found: str, todo: str) -> Finding:
    return Finding("warn", found, todo)


def fail(found: str, todo: str) -> Finding:
    return Finding("fail", found, todo)
