"""Dead letters as they are found: every record of the topic that filters mean, up to where it ended at first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pipeline.errors import UsageError
from pipeline.ports import Span, Spans, Topic
from pipeline.rules.dead_letters import Wanted, reason_of
from pipeline.wire import DeadLetter, Event, read_dead_letter
from workers.history.reading import advancing, spans_within
from workers.terminal.plain import one_line

_PLACE = re.compile(r"(.+)\[(\d{1,9})\]@(\d{1,19})", re.ASCII)


class Found(NamedTuple):
    """A record of the dead-letter topic, and what it says of itself."""

    record: Event
    letter: DeadLetter


def spans_for(topic: Topic, wanted: Wanted, done: Mapping[int, int] | None = None) -> dict[int, Span]:
    """What has to be read: nothing before the window or `done` already, and one record where that is named."""
    spans = topic.spans()
    if named := _PLACE.fullmatch(wanted.id or ""):
        place, partition, offset = named[1], int(named[2]), int(named[3])
        if place == topic.name and partition in spans:
            first, end = spans[partition]
            return {partition: Span(offset, offset + 1)} if first <= offset < end else {}
    done = done or {}
    return {
        number: Span(min(max(span.first, done.get(number, 0)), span.end), span.end)
        for number, span in spans_within(topic, wanted.window).items()
    }


def looked_through(topic: Topic, spans: Spans, advance: Callable[[int], object]) -> Iterator[Found]:
    """Every record within the spans; `advance` is told of each."""
    return (Found(record, read_dead_letter(record)) for record in advancing(topic.read(spans), advance))


def matching(topic: Topic, wanted: Wanted, spans: Spans, advance: Callable[[int], object]) -> Iterator[Found]:
    """The dead letters that are meant."""
    every = looked_through(topic, spans, advance)
    return (found for found in every if wanted.means(found.letter, found.record.timestamp))


def counted(reasons: Counter[str]) -> str:
    """The counts in words: ``3 dead letters: 2 truncated, 1 empty``."""
    total = sum(reasons.values())
    said = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    return f"{total:,} dead letter{'' if total == 1 else 's'}" + (f": {said}" if said else "")


def tally(reasons: Counter[str], found: Found) -> Found:
    """Count it, and give it back."""
    reasons[reason_of(found.letter)] += 1
    return found


def unknown(topic: Topic, name: str) -> UsageError:
    """What to raise where nothing in the topic is called so."""
    return UsageError(f"no dead letter in {topic.name} is called {one_line(name)}; sluice dlq list names them all")
