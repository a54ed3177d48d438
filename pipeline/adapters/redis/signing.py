"""Values that only holders of a secret can write, for a Redis that others can write to as well."""

from __future__ import annotations

import hmac
import struct

TAG = 32
"""Bytes that a signature adds to a value."""
_LENGTH = struct.Struct("<I")


class Signer:
    """Signs a value together with its key, so that it cannot be put under another: HMAC-SHA-256 (RFC 2104)."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, key: str, value: bytes) -> bytes:
        """The value with its signature behind it: `TAG` bytes more."""
        return value + self._tag(key, value)

    def opened(self, key: str, signed: bytes) -> bytes | None:
        """The value that was signed under that key; None for what was not, which an attacker may have written."""
        value, tag = signed[:-TAG], signed[-TAG:]
        return value if hmac.compare_digest(self._tag(key, value), tag) else None

    def _tag(self, key: str, value: bytes) -> bytes:
        name = key.encode()
        return hmac.digest(self._secret, _LENGTH.pack(len(name)) + name + value, "sha256")
