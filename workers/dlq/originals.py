"""The events that dead letters left out, looked up where they stood."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing

from pipeline.ports import Span, Topic
from pipeline.wire import Event, event_of, is_event_of, is_whole
from workers.dlq.found import Found


class Originals:
    """Gives each dead letter its event, from the letter itself or, where that lacks something, from its topic.

    `open_topic` is called once for a topic, when it is first needed. What it opened is closed by `close`.
    """

    def __init__(self, open_topic: Callable[[str], Topic]) -> None:
        self._open = open_topic
        self._topics: dict[str, Topic] = {}
        self._ending = ExitStack()

    def event_of(self, found: Found) -> Event | None:
        """The whole event; None where it is not here any more, or its place is unknown. Raises `ServiceError`."""
        source = found.letter.source
        if source is None:
            return None
        if is_whole(found.record):
            return event_of(found.record, source)
        if source.topic not in self._topics:
            self._topics[source.topic] = self._ending.enter_context(closing(self._open(source.topic)))
        at = {source.partition: Span(source.offset, source.offset + 1)}
        topic = self._topics[source.topic]
        held = topic.spans().get(source.partition)
        if held is None or not held.first <= source.offset < held.end:
            return None
        event = next(iter(topic.read(at)), None)
        return event if event is not None and is_event_of(found.record, event) else None

    def close(self) -> None:
        """Close what was opened. Idempotent."""
        self._ending.close()
