"""Whether any broker talks to us, told while a member of a group waits for one.

A consumer that is cut off polls on and brings nothing, as it does where no image comes: a broker that is gone, or
that no longer admits the user since a password was changed, must not look like a quiet day.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.adapters.kafka.consumer import Consumer
from pipeline.ports import Hooks

PATIENCE = 15.0
"""Seconds without a broker that are no news: one that restarts is back by then."""
TELL_EVERY = 60.0
"""Seconds between two log lines that say so."""

ADVICE = (
    "it goes on by itself once a broker takes it in; passwords and certificates of its own are read at the start, so"
    " restart it with new ones"
)

_log = structlog.get_logger(__name__)


class Reach:
    """Tells log and hooks that no broker has taken us in for `PATIENCE` seconds, why, and when one does again.

    One thread calls `look`.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        consumer: Consumer,
        name: str,
        hooks: Hooks,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._consumer = consumer
        self._name = name
        self._hooks = hooks
        self._clock = clock
        self._since = clock()
        self._told: float | None = None

    def look(self) -> None:
        """Blocks for up to a second for each server where it tells that none answers, each `TELL_EVERY` seconds."""
        now = self._clock()
        if self._consumer.reaches_a_broker():
            self._back(now)
        elif now - self._since >= PATIENCE and (self._told is None or now - self._told >= TELL_EVERY):
            self._told = now
            why = str(self._connection.explained(self._consumer.met()))
            _log.error("kafka_away", source=self._name, seconds=round(now - self._since), why=why, advice=ADVICE)
            self._hooks.kafka_away(why)

    def _back(self, now: float) -> None:
        if self._told is not None:
            _log.warning("kafka_back", source=self._name, away_for=round(now - self._since))
            self._hooks.kafka_away(None)
        self._since, self._told = now, None
