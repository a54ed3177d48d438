"""Text features shared through Redis: a cache that can be gone, frozen or full of rubbish, and nobody notices."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.adapters.bounded import within
from pipeline.items import Features
from pipeline.ports import Hooks

PREFIX = "sluice:text:v1"
BUDGET = 0.5
"""Seconds that one `get` or `put` may take, whatever Redis, the network and the name service do."""

FIRST_REST, LONGEST_REST = 5.0, 60.0
"""Seconds without touching Redis after a failure; they double with every failure that follows."""

_CHUNK = 1024
_UNIT = 1e-3
_LONG = 30 * 86_400.0

T = TypeVar("T")
_log = structlog.get_logger(__name__)


def encode_vector(features: Features) -> bytes:
    """``float32[D]`` as it lies in Redis: little-endian."""
    return np.ascontiguousarray(features, dtype="<f4").tobytes()


def decode_vector(value: bytes) -> Features | None:
    """The vector, or None for what cannot be one: wrong length, not finite, or not of unit length."""
    if not value or len(value) % 4:
        return None
    vector = np.frombuffer(value, dtype="<f4").astype(np.float32)
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(vector.astype(np.float64)))
    return vector if math.isfinite(norm) and abs(norm - 1.0) < _UNIT else None


class Breaker:
    """Says whether to try: after a failure not for 5 s, after the next not for 10 s, and so on up to a minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = -math.inf
        self._rest = FIRST_REST

    @property
    def closed(self) -> bool:
        """Whether calls may pass."""
        return self._clock() >= self._until

    def failed(self) -> float:
        """A call failed; returns how long there will be none."""
        rest = self._rest
        self._until = self._clock() + rest
        self._rest = min(LONGEST_REST, rest * 2)
        return rest

    def worked(self) -> None:
        """A call came through: the next failure starts over."""
        self._rest = FIRST_REST


class RedisTextCache:
    """A `TextCache` in Redis, under ``sluice:text:v1:{fingerprint}:{digest}``.

    **What it may cost.** Each wait for the socket ends after `timeout`, and each call after `BUDGET` (0.5 s), also
    when a name cannot be looked up or an answer drips. After a failure no call touches Redis for 5 s, doubling to
    60 s. So with Redis away a caller is late by at most half a second in any five. No call raises, none is retried.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        cafile: str | None = None,
        timeout: float = 0.05,
        keep: float = _LONG,
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects at the first call. `keep` is how many seconds an entry lives; `cafile` is for ``rediss://``."""
        self._keep = int(keep)
        self._hooks = hooks or Hooks()
        self._breaker = Breaker(clock)
        self._client = _client(url, password, cafile, timeout)

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, Features]:
        """One MGET for every thousand keys. An entry that cannot be read is counted as an error and is a miss."""
        wanted = list(dict.fromkeys(digests))
        values = self._guarded(lambda: list(self._values(fingerprint, wanted))) if wanted else []
        if values is None:
            self._hooks.text_cache("error", len(wanted))
            return {}
        found = {d: decode_vector(value) for d, value in zip(wanted, values, strict=True) if value is not None}
        good = {d: vector for d, vector in found.items() if vector is not None}
        self._hooks.text_cache("hit", len(good))
        self._hooks.text_cache("miss", len(wanted) - len(found))
        self._hooks.text_cache("error", len(found) - len(good))
        return good

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        """One round trip; overwrites what was there, rubbish included."""
        entries = {_key(fingerprint, digest): encode_vector(vector) for digest, vector in features.items()}
        if entries:
            self._guarded(lambda: self._set(entries))

    def close(self) -> None:
        """Free the connections."""
        self._client.close()

    def _values(self, fingerprint: str, digests: Sequence[str]) -> Iterator[bytes | None]:
        for start in range(0, len(digests), _CHUNK):
            # A key that holds something else than a string (a list, say) is None in the answer, and a miss.
            answer = self._client.mget([_key(fingerprint, digest) for digest in digests[start : start + _CHUNK]])
            yield from (value if isinstance(value, bytes) else None for value in answer)

    def _set(self, entries: Mapping[str, bytes]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for key, value in entries.items():
                pipeline.set(key, value, ex=self._keep)
            pipeline.execute()

    def _guarded(self, call: Callable[[], T]) -> T | None:
        """What the call returns, or None if it failed or was not even tried."""
        if not self._breaker.closed:
            return None
        try:
            answer = within(BUDGET, call)
        except Exception as error:  # noqa: BLE001 - a cache may fail in any way it likes
            rest = self._breaker.failed()
            _log.warning("text_cache_failed", error=f"{type(error).__name__}: {error}", seconds_without=rest)
            return None
        self._breaker.worked()
        return answer


def _key(fingerprint: str, digest: str) -> str:
    return f"{PREFIX}:{fingerprint}:{digest}"


def _client(url: str, password: str | None, cafile: str | None, timeout: float) -> redis.Redis:
    secret = {} if password is None else {"password": password}
    tls = {"ssl_ca_certs": cafile} if cafile and url.startswith("rediss") else {}
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # The library's own: 5 s of timeout and ten retries.
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # one round trip less before the first question
        **secret,
        **tls,
    )
