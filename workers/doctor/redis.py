"""Redis: whether it answers as soon as workers need it to, and takes what they write."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import ServiceError
from workers.doctor.finding import Finding, ok, warn
from workers.services import redis_connection
from workers.settings import Settings
from workers.settings.redaction import redacted

if TYPE_CHECKING:
    from pipeline.adapters.redis import RedisConnection

PATIENT = 3.0
"""Seconds that a check waits, where a worker waits for `redis_timeout`."""
_ADVICE = "decisions are the same without it; start it, or correct redis_url and its password, or unset it"


class Told(NamedTuple):
    """How far the server's clock is ahead of ours, and how long the answer took, in seconds."""

    ahead: float
    took: float


def ask_time(redis: RedisConnection) -> Told:
    """Ask twice: the first time also connects. Raises `ServiceError`."""
    redis.ask()
    before = time.time()
    told = redis.ask()
    after = time.time()
    return Told(told - (before + after) / 2, after - before)


def redis(settings: Settings) -> Finding:
    """That it is away is no failure: it is a cache."""
    patient = settings.model_copy(update={"redis_timeout": PATIENT})
    connection = redis_connection(patient, budget=PATIENT)
    if connection is None:
        return ok("not set: each worker encodes the policies' sentences for itself")
    url = redacted(settings.redis_url or "")
    try:
        told = ask_time(connection)
    except ServiceError as error:
        return warn(f"{url}: {error}", _ADVICE)
    finally:
        connection.close()
    found = f"{url} answers in {told.took * 1000:.1f} ms and takes values"
    if told.took / 2 > settings.redis_timeout:
        todo = f"workers wait for {settings.redis_timeout * 1000:g} ms: raise redis_timeout, or have it nearer"
        return warn(found, todo)
    return ok(found)
