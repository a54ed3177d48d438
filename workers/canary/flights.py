"""The canaries under way, with the log and the metrics of what comes of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from threading import Lock

import structlog

from pipeline.rules.canaries import Canary, Outcome, Outstanding
from pipeline.wire import Event, Record, Reply, canary_record
from workers.canary.metrics import CanaryMetrics

KEYS = 64
"""Image ids of one canary: as many go round as spread over all partitions, and a compacted topic keeps no more."""
_log = structlog.get_logger(__name__)


class Flights:
    """Safe to call from several threads."""

    def __init__(self, patience: float, metrics: CanaryMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._outstanding = Outstanding(patience)
        self._metrics = metrics
        self._clock = clock
        self._lock = Lock()

    def begin(self, canary: Canary, image: bytes, topic: str, number: int) -> Record:
        """The record to send for the canary's turn of that number; from now on its answer is waited for."""
        nonce = secrets.token_hex(16)
        record = canary_record(topic, f"{canary.name}/{number % KEYS}", image, nonce)
        with self._lock:
            self._outstanding.sent(nonce, canary, record.value or b"", self._clock())
        return record

    def land(self, reply: Reply, answer: Event) -> None:
        """Count what `answer` says, if it is about one of ours."""
        with self._lock:
            landed = self._outstanding.answered(reply, self._clock())
        if landed is None:
            return
        self._metrics.landed(landed)
        canary, told = landed.canary, {"seconds": round(landed.seconds, 3), "answer": str(answer)}
        if landed.outcome is None:
            _log.warning("canary_late", canary=canary.name, **told)
        elif landed.outcome is not Outcome.RIGHT:
            verdict = reply.verdict or "dead letter"
            _log.error("canary_not_right", canary=canary.name, expected=canary.expect, verdict=verdict, **told)

    def give_up(self) -> None:
        """Count those for whose answers it has waited long enough."""
        with self._lock:
            missing = self._outstanding.missing(self._clock())
        for canary in missing:
            self._metrics.missing(canary)
            _log.error("canary_missing", canary=canary.name)
