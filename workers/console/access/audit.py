"""Audit events on their way to their topic, in a thread of their own: nobody waits for a broker to open a page."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from threading import Condition, Thread

import structlog

from pipeline.errors import PublishError, RefusedError, ServiceError
from pipeline.ports import RecordWriter
from pipeline.wire import AuditEvent, Record, audit_json

MOST = 10_000
"""Events that wait for a broker that is away; what comes beyond them is in the log alone."""
BATCH = 500
AGAIN = 2.0
"""Seconds from one try to the next."""
LEAVING = 5.0
"""Seconds that the last events may take to be written when the process ends."""
_log = structlog.get_logger("sluice.console")


class AuditTopic:
    """Writes events in their order, and goes on trying while the broker is away."""

    def __init__(self, writer: Callable[[], RecordWriter], topic: str) -> None:
        self.trouble = ""
        """Why events wait; nothing while all is well."""
        self.lost = 0
        """Events that are in the log alone."""
        self._writer = writer
        self._topic = topic
        self._waiting: deque[Record] = deque()
        self._changed = Condition()
        self._closed = False
        self._thread: Thread | None = None

    def keep(self, event: AuditEvent) -> None:
        """Have it written soon. It begins to write with the first event: most consoles of a test have none."""
        record = Record(self._topic, event.who.encode(), audit_json(event))
        with self._changed:
            if len(self._waiting) >= MOST:
                self._lose(1)
                return
            self._waiting.append(record)
            if self._thread is None:
                self._thread = Thread(target=self._write, name="audit", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, if a broker takes it within a few seconds. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(LEAVING)
        with self._changed:
            self._lose(len(self._waiting))
            self._waiting.clear()

    def _write(self) -> None:
        writer: RecordWriter | None = None
        while batch := self._next():
            try:
                writer = writer or self._writer()
                writer.write(batch)
            except RefusedError as error:
                _log.error("audit_events_refused", why=str(error))
                self._written(batch, lost=len(error.refused))
            except (PublishError, ServiceError) as error:
                if self._ends_before_next_try(str(error)):
                    break
            else:
                self._written(batch)
        if writer is not None:
            writer.close()

    def _next(self) -> list[Record]:
        """What is to be written next; nothing once it is closed and all is written."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return [*islice(self._waiting, BATCH)]

    def _written(self, batch: list[Record], lost: int = 0) -> None:
        with self._changed:
            self.trouble = ""
            self._lose(lost)
            for _ in batch[: len(self._waiting)]:
                self._waiting.popleft()

    def _ends_before_next_try(self, why: str) -> bool:
        with self._changed:
            if not self.trouble:
                _log.error("audit_events_wait", why=why)
            self.trouble = why
            return self._changed.wait_for(lambda: self._closed, AGAIN)

    def _lose(self, count: int) -> None:
        if count:
            self.lost += count
            _log.error("audit_events_lost", events=count)
