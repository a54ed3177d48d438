"""Audit events on their way to their topic: nobody waits for a broker to open a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from pipeline.errors import RefusedError
from pipeline.ports import RecordWriter
from pipeline.wire import AuditEvent, Record, audit_json
from workers.outbox import Outbox

MOST = 10_000
"""Events that wait for a broker that is away; what comes beyond them is in the log alone."""
BATCH = 500
AGAIN = 2.0
"""Seconds from one try to the next."""
_log = structlog.get_logger("sluice.console")


class AuditTopic:
    """Writes events in their order, and goes on trying while the broker is away."""

    def __init__(self, connect: Callable[[], RecordWriter], topic: str) -> None:
        self.lost = 0
        """Events that are in the log alone."""
        self._topic = topic
        self._outbox = Outbox[Record](
            connect,
            self._write,
            lambda why: _log.error("audit_events_wait", why=why),
            pause=AGAIN,
            most=MOST,
            at_once=BATCH,
            name="audit",
        )

    @property
    def trouble(self) -> str:
        """Why events wait; nothing while all is well."""
        return self._outbox.trouble

    def keep(self, event: AuditEvent) -> None:
        """Have it written soon."""
        if not self._outbox.put(Record(self._topic, event.who.encode(), audit_json(event))):
            self._lose(1)

    def close(self) -> None:
        """Write what waits, if a broker takes it within a few seconds. Idempotent."""
        self._lose(len(self._outbox.close()))

    def _write(self, writer: RecordWriter, events: Sequence[Record]) -> None:
        try:
            writer.write(events)
        except RefusedError as error:
            _log.error("audit_events_refused", why=str(error))
            self._lose(len(error.refused))

    def _lose(self, count: int) -> None:
        if count:
            self.lost += count
            _log.error("audit_events_lost", events=count)
