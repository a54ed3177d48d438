"""Events, looked up where they stood."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing

from pipeline.ports import Span, Topic
from pipeline.wire import Event, SourceRef


class Events:
    """Reads single records of any topic.

    `open_topic` is called once for a topic, when it is first needed. What it opened is closed by `close`.
    """

    def __init__(self, open_topic: Callable[[str], Topic]) -> None:
        self._open = open_topic
        self._topics: dict[str, Topic] = {}
        self._ending = ExitStack()

    def at(self, source: SourceRef) -> Event | None:
        """The record that stands there; None where there is none any more. Raises `ServiceError`."""
        if source.topic not in self._topics:
            self._topics[source.topic] = self._ending.enter_context(closing(self._open(source.topic)))
        topic = self._topics[source.topic]
        held = topic.spans().get(source.partition)
        if held is None or not held.first <= source.offset < held.end:
            return None
        at = {source.partition: Span(source.offset, source.offset + 1)}
        return next(iter(topic.read(at)), None)

    def close(self) -> None:
        """Close what was opened. Idempotent."""
        self._ending.close()
