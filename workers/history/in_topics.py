"""Answers by id in a topic: from its newest records backwards, in the partition of the key first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from pipeline.ports import Span, Spans, Topic
from pipeline.rules.times import Window
from pipeline.wire import Decision, Event, parse_decision, read_dead_letter, short_key
from workers.history.found import Found, found_in
from workers.history.reading import LATE, size_of, spans_within

CHUNK = 20_000
"""Records that are read forwards before those that stand before them are looked at; they are in memory meanwhile."""
Advance = Callable[[int], object]
Reading = Callable[[Event], Found | None]
"""A record as an answer; None for what is none."""


def decision_in(record: Event) -> Found | None:
    """What a record of the decisions topic says; None where it is no decision."""
    try:
        return found_in(record, parse_decision(record.value or b""))
    except ValueError:
        return None


def letter_in(record: Event) -> Found | None:
    """What a record of the dead-letter topic says; None where it is none of ours."""
    letter = read_dead_letter(record)
    return None if letter.foreign else found_in(record, letter)


class Search:
    """Looks for answers in one topic. `searched` is, by partition, what it has read.

    The partition to which the name leads as a key is read first: if the name is an image's id, its answers are all
    there, and the others are left alone. If it is another id, they are read back to where it stands.
    """

    def __init__(self, topic: Topic, read: Reading, window: Window) -> None:
        self.topic = topic
        self.searched: dict[int, Span] = {}
        self._read = read
        self._spans = spans_within(topic, window)

    @property
    def records(self) -> int:
        """How many there are to look at, at most."""
        return size_of(self._spans)

    def answers(self, name: str, advance: Advance) -> Iterator[Found]:
        """Those that are called so, and the others on an event that has one of them; the newest chunk first."""
        home = self.topic.partition_of(short_key(name.encode("utf-8", "surrogatepass")))
        for chosen in ({home}, set(self._spans) - {home}):
            found = False
            for partition, answer in self._backwards(chosen, advance):
                if name not in answer.ids:
                    continue
                if answer.said.image_id != name:
                    yield from self._of_event(answer, partition)
                    return
                found = True
                yield answer
            if found:
                return

    def _of_event(self, answer: Found, partition: int) -> Iterator[Found]:
        """All answers to the event of that one: they stand in its partition, and none is older than the event."""
        said, span = answer.said, self._spans[partition]
        if isinstance(said, Decision):
            begun, decided = (datetime.fromisoformat(at).timestamp() for at in (said.event_time, said.decided_at))
            if begun <= decided:  # else its timestamp is no time
                span = Span(max(span.first, self.topic.offsets_at(begun - LATE)[partition]), span.end)
        every = (self._read(record) for record in self._chunk({partition: span}))
        return (each for each in every if each is not None and each.said.event_id == said.event_id)

    def _backwards(self, chosen: Collection[int], advance: Advance) -> Iterator[tuple[int, Found]]:
        """What these partitions hold, each with its own, in chunks from their ends on; within a chunk by time."""
        left = {number: span for number, span in self._spans.items() if number in chosen}
        while left := {number: span for number, span in left.items() if span.first < span.end}:
            share = max(1, CHUNK // len(left))
            chunk = {number: Span(max(span.first, span.end - share), span.end) for number, span in left.items()}
            records = list(self._chunk(chunk))
            advance(len(records))
            for record in sorted(records, key=lambda each: each.timestamp, reverse=True):
                if (answer := self._read(record)) is not None:
                    yield record.partition, answer
            left = {number: Span(span.first, chunk[number].first) for number, span in left.items()}

    def _chunk(self, chunk: Spans) -> Iterator[Event]:
        for number, span in chunk.items():
            before = self.searched.get(number, span)
            self.searched[number] = Span(min(before.first, span.first), max(before.end, span.end))
        return self.topic.read(chunk)
