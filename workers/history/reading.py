"""The part of a topic that a time asks for, and no more of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipeline.ports import Span, Spans, Topic
from pipeline.rules.times import Window
from pipeline.wire import Event

LATE = 60.0
"""Seconds by which a record may stand behind one that was written later: several write to one partition."""


def spans_within(topic: Topic, window: Window) -> dict[int, Span]:
    """What has to be read so that no record of the window is missed; some that it holds are of other times."""
    spans = topic.spans()
    starts = {} if window.since is None else topic.offsets_at(window.since)
    ends = {} if window.until is None else topic.offsets_at(window.until + LATE)
    return {
        number: _clipped(span, starts.get(number, span.first), ends.get(number, span.end))
        for number, span in spans.items()
    }


def _clipped(span: Span, first: int, end: int) -> Span:
    first = min(max(span.first, first), span.end)
    return Span(first, min(max(first, end), span.end))


def size_of(spans: Spans) -> int:
    """How many records these spans hold at most."""
    return sum(span.end - span.first for span in spans.values())


def advancing(records: Iterable[Event], advance: Callable[[int], object]) -> Iterator[Event]:
    """The same records; `advance` is told of each."""
    for record in records:
        advance(1)
        yield record
