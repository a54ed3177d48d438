"""Which background a stored log-sum-exp is of: it is worth nothing to a policy set with another one."""

from __future__ import annotations

import json
from hashlib import sha256

from pipeline.rules.policies.policy_set import Defaults

_DIGITS = 16


def background_digest(defaults: Defaults) -> str:
    """16 hex digits of the lines, their order and the templates; empty without any line."""
    if not defaults.background:
        return ""
    said = json.dumps([defaults.templates, defaults.background], ensure_ascii=False, separators=(",", ":"))
    return sha256(said.encode()).hexdigest()[:_DIGITS]
