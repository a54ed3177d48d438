"""The events that dead letters left out, looked up where they stood."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.ports import Topic
from pipeline.wire import Event, event_of, is_event_of, is_whole
from workers.dlq.found import Found
from workers.history.events import Events


class Originals:
    """Gives each dead letter its event, from the letter itself or, where that lacks something, from its topic.

    `open_topic` is called once for a topic, when it is first needed. What it opened is closed by `close`.
    """

    def __init__(self, open_topic: Callable[[str], Topic]) -> None:
        self._events = Events(open_topic)

    def event_of(self, found: Found) -> Event | None:
        """The whole event; None where it is not here any more, or its place is unknown. Raises `ServiceError`."""
        source = found.letter.source
        if source is None:
            return None
        if is_whole(found.record):
            return event_of(found.record, source)
        event = self._events.at(source)
        return event if event is not None and is_event_of(found.record, event) else None

    def close(self) -> None:
        """Close what was opened. Idempotent."""
        self._events.close()
