"""Text features shared through Redis: a cache that can be gone, frozen or full of rubbish, and nobody notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.adapters.feature_values import FLOAT, decode_vectors, encode_vector
from pipeline.adapters.redis.connection import RedisConnection
from pipeline.ports import Hooks
from pipeline.signals import Features

PREFIX = "sluice:text:v1"
_LONG = 30 * 86_400.0


class RedisTextCache:
    """A `TextCache` in Redis, under ``sluice:text:v1:{fingerprint}:{digest}``."""

    def __init__(self, connection: RedisConnection, *, keep: float = _LONG, hooks: Hooks | None = None) -> None:
        """`keep` is how many seconds an entry lives."""
        self._connection = connection
        self._keep = keep
        self._hooks = hooks or Hooks()

    def get(self, fingerprint: str, digests: Sequence[str], dimension: int) -> dict[str, Features]:
        """What Redis has. An entry that cannot be read, or has another length, counts as an error and is left out."""
        wanted = list(dict.fromkeys(digests))
        values = self._connection.get([text_key(fingerprint, digest) for digest in wanted], FLOAT * dimension)
        if values is None:
            self._hooks.text_cache("error", len(wanted))
            return {}
        found = {digest: value for digest, value in zip(wanted, values, strict=True) if value is not None}
        good = decode_vectors(found, dimension)
        self._hooks.text_cache("hit", len(good))
        self._hooks.text_cache("miss", len(wanted) - len(found))
        self._hooks.text_cache("error", len(found) - len(good))
        return good

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        """Overwrites what was there, rubbish included."""
        if features:
            entries = ((text_key(fingerprint, digest), encode_vector(vector)) for digest, vector in features.items())
            self._connection.set(entries, self._keep)

    def close(self) -> None:
        self._connection.close()


def text_key(fingerprint: str, digest: str) -> str:
    """The key of a prompt's features: the fingerprint is the model's, the digest that of prompt and templates."""
    return f"{PREFIX}:{fingerprint}:{digest}"
