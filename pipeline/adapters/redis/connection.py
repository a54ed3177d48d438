"""One Redis as the caches use it: asked in bounded time, left alone after a failure, and no call of it raises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import TypeVar
from urllib.parse import quote

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.adapters.redis.signing import TAG, Signer
from pipeline.bounded import within
from pipeline.errors import ServiceError
from pipeline.rules.flow.breaker import Breaker

BUDGET = 0.5
"""Seconds that one call may take, whatever Redis, the network and the name service do, unless told otherwise."""

REFUSED = b""
"""What stands for a value that cannot be ours: it is too long, is no string, or is not signed by our secret."""
TRIAL_KEY = "sluice:text:v1:trial"
"""Written to see whether Redis takes values, for a second, among the keys that workers write."""

_CHUNK = 1024
HIDDEN = "**********"

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class RedisConnection:
    """Values by key in one Redis. Safe to call from many threads; the caches of a process share one.

    **What it may cost.** Each wait for the socket ends after `timeout`, and each call after `budget` (0.5 s), also
    when a name cannot be looked up or an answer drips. After a failure no call touches Redis for 5 s, doubling to
    60 s. So with Redis away a caller is late by at most half a second in any five. No call raises, none is retried.

    A Redis that answers and refuses to write (full, or a replica) is not away: it is read as before, and written to
    again after a rest of the same length.

    **What it believes.** No value is read past the length that its reader can use. With a `secret`, values carry a
    signature, those without a right one are refused, and their keys end in ``:signed``: workers with and without a
    secret, while one is being introduced, do not overwrite each other's values.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        cafile: str | None = None,
        timeout: float = 0.05,
        secret: str | None = None,
        budget: float = BUDGET,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects at the first call. `cafile` is for ``rediss://``."""
        self._budget = budget
        self._signer = None if secret is None else Signer(secret)
        self._secrets = _secrets(url, password)
        self._breaker = Breaker(clock)
        self._writable = Breaker(clock)
        self._client = _client(url, password, cafile, timeout)

    def get(self, keys: Sequence[str], most: int) -> list[bytes | None] | None:
        """The value under each key, in one round trip for every 1,024; None for all if there is no answer.

        Where there is no value it is None, and `REFUSED` where there is one of more than `most` bytes, one that is no
        string, or one without a right signature.
        """
        return self._guarded(lambda: list(self._values(keys, most))) if keys else []

    def set(self, entries: Iterable[tuple[str, bytes]], keep: float) -> None:
        """Write all in one pipeline, to live for `keep` seconds, if it can; overwrites what was there.

        `entries` is not drawn from while writing is at rest, so that nothing is serialised for nobody.
        """
        refused = self._guarded(lambda: self._write(entries, int(keep))) if self._writable.closed else None
        if refused:
            rest = self._writable.failed()
            _log.warning("redis_refuses_writes", error=self._told(refused[0]), seconds_without=rest)
        elif refused is not None:
            self._writable.worked()

    def delete(self, keys: Sequence[str]) -> None:
        if keys:
            self._guarded(lambda: self._client.unlink(*map(self._name, keys)))

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> object:
        """What a Lua script answers, which sees these keys, unsigned, in one step; None if there is no answer."""
        return self._guarded(lambda: self._client.eval(script, len(keys), *keys, *arguments))

    def ask(self) -> float:
        """The server's clock, in seconds since the epoch, once it has also taken a value.

        Raises `ServiceError` with what is wrong, where other calls only do without.
        """
        try:
            seconds, microseconds = within(self._budget, self._client.time)
            within(self._budget, lambda: self._client.set(TRIAL_KEY, b"", px=1000))
        except Exception as error:
            raise ServiceError(f"{type(error).__name__}: {self._told(error)}") from error
        return float(seconds) + float(microseconds) / 1e6

    def close(self) -> None:
        """Free the connections. Idempotent."""
        self._client.close()

    def _values(self, keys: Sequence[str], most: int) -> Iterator[bytes | None]:
        """MGET would bring values whole, however long they are; this costs 6 us a key more."""
        signed_most = most if self._signer is None else most + TAG
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            with self._client.pipeline(transaction=False) as pipeline:
                for key in chunk:
                    pipeline.getrange(self._name(key), 0, signed_most)
                answers = pipeline.execute(raise_on_error=False)
            yield from map(self._believed, chunk, answers, repeat(signed_most))

    def _believed(self, key: str, answer: object, most: int) -> bytes | None:
        if isinstance(answer, redis.ResponseError) and str(answer).startswith("WRONGTYPE"):
            return REFUSED
        if isinstance(answer, Exception):
            raise answer
        if not isinstance(answer, bytes) or len(answer) > most:
            return REFUSED
        if not answer:
            return None
        if self._signer is None:
            return answer
        value = self._signer.opened(key, answer)
        return REFUSED if value is None else value

    def _name(self, key: str) -> str:
        return key if self._signer is None else f"{key}:signed"

    def _write(self, entries: Iterable[tuple[str, bytes]], keep: int) -> list[Exception]:
        """Write all; returns the server's words for each that it refused."""
        with self._client.pipeline(transaction=False) as pipeline:
            for key, value in entries:
                signed = value if self._signer is None else self._signer.sign(key, value)
                pipeline.set(self._name(key), signed, ex=keep)
            answers = pipeline.execute(raise_on_error=False)
        return [answer for answer in answers if isinstance(answer, Exception)]

    def _guarded(self, call: Callable[[], T]) -> T | None:
        """What the call returns, or None if it failed or was not even tried."""
        if not self._breaker.closed:
            return None
        try:
            answer = within(self._budget, call)
        except Exception as error:  # noqa: BLE001 - a cache may fail in any way it likes
            rest = self._breaker.failed()
            _log.warning("redis_failed", error=f"{type(error).__name__}: {self._told(error)}", seconds_without=rest)
            return None
        self._breaker.worked()
        return answer

    def _told(self, error: Exception) -> str:
        """What an error says, without secrets: a server that does not know AUTH repeats its arguments."""
        text = str(error)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def url_problem(url: str) -> str:
    """What is wrong with the options of a Redis URL; "" when a connection can be made by it. Connects to nothing."""
    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except TypeError:
        return "has an option that no Redis connection has"
    except (ValueError, redis.RedisError):
        return "has an option with a value that cannot be"
    return ""


def _secrets(url: str, password: str | None) -> list[str]:
    """The texts that no log may show, the longest first, since one may be a part of another."""
    options: dict[str, object] = redis.connection.parse_url(url)  # type: ignore[no-untyped-call]
    named = {options.get(name) for name in ("password", "username", "ssl_password")} | {password}
    texts = {form for each in named if isinstance(each, str) for form in (each, quote(each), repr(each)[1:-1])}
    return sorted(texts - {"", "default"}, key=len, reverse=True)


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
