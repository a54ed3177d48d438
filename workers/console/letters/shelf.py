"""The newest dead letters, without their bytes: read backwards from the end of their topic, and on as they come."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Lock

from msgspec.structs import replace

from pipeline.ports import Span, Spans, Topic
from pipeline.rules.dead_letters import reason_of
from pipeline.wire import DeadLetter, read_dead_letter

KEPT = 10_000
"""Dead letters, the newest: 20 MB where each brings as long a text as is kept of one."""
LONGEST = 500
"""Characters that are kept of an image's name and of a message."""
CHUNK = 50
"""Records of a partition that are read at once: each may be as large as a picture."""
PATIENCE = 3.0
"""Seconds that a look may take; the next one goes on from there."""
Place = tuple[int, int]
"""Partition and offset in the dead-letter topic."""


@dataclass(frozen=True)
class Shelved:
    """What is known: the newest first, how many of each reason, and whether there are older ones."""

    letters: Sequence[DeadLetter]
    reasons: Sequence[tuple[str, int]]
    older: bool


class Shelf:
    """Looks when it is asked. Safe to share; one thread looks, and others wait for it."""

    def __init__(self, topic: Callable[[], Topic]) -> None:
        self._topic = topic
        self._lock = Lock()
        self._letters: dict[Place, DeadLetter] = {}
        self._held: dict[int, Span] = {}
        """What was read of each partition, without a gap."""
        self._replayed: dict[Place, str] = {}

    def look(self) -> Shelved:
        """It blocks for `PATIENCE` or so. Raises `ServiceError`."""
        with self._lock, closing(self._topic()) as topic:
            ends = time.monotonic() + PATIENCE
            spans = topic.spans()
            self._begin(spans)
            self._read_on(topic, spans, ends)
            self._read_back(topic, spans, ends)
            self._leave_out_oldest()
            letters = sorted(self._letters.values(), key=_newest, reverse=True)
            older = any(self._held[number].first > span.first for number, span in spans.items())
            return Shelved(letters, Counter(reason_of(each) for each in letters).most_common(), older)

    def mark(self, place: Place, said: str) -> None:
        """Remember, while this process lives, that it was sent again, and by whom."""
        with self._lock:
            self._replayed[place] = said

    def replayed(self, place: Place) -> str:
        return self._replayed.get(place, "")

    def _begin(self, spans: Spans) -> None:
        """Forget what the topic has not any more; where it was made anew, or runs far ahead, begin at its end."""
        for number, span in spans.items():
            held = self._held.get(number, Span(span.end, span.end))
            if held.end > span.end or span.end - held.end > KEPT or held.end < span.first:
                held = Span(span.end, span.end)
            self._held[number] = Span(max(held.first, span.first), held.end)
        self._held = {number: held for number, held in self._held.items() if number in spans}
        self._letters = {place: each for place, each in self._letters.items() if self._holds(place)}

    def _holds(self, place: Place) -> bool:
        held = self._held.get(place[0])
        return held is not None and held.first <= place[1] < held.end

    def _read_on(self, topic: Topic, spans: Spans, ends: float) -> None:
        for number, span in spans.items():
            while (held := self._held[number]).end < span.end and time.monotonic() < ends:
                to = min(held.end + CHUNK, span.end)
                self._take(topic, number, Span(held.end, to))
                self._held[number] = Span(held.first, to)

    def _read_back(self, topic: Topic, spans: Spans, ends: float) -> None:
        """A chunk of each partition in turn, so that none is far behind the others in time."""
        left = True
        while left:
            left = False
            for number, span in spans.items():
                held = self._held[number]
                if held.first <= span.first or len(self._letters) >= KEPT or time.monotonic() > ends:
                    continue
                back = Span(max(held.first - CHUNK, span.first), held.first)
                self._take(topic, number, back)
                self._held[number] = Span(back.first, held.end)
                left = True

    def _take(self, topic: Topic, number: int, span: Span) -> None:
        for record in topic.read({number: span}):
            letter = read_dead_letter(record)
            self._letters[number, record.offset] = replace(
                letter, image_id=letter.image_id[:LONGEST], message=letter.message[:LONGEST], notes=[]
            )

    def _leave_out_oldest(self) -> None:
        if len(self._letters) <= KEPT:
            return
        places = sorted(self._letters, key=lambda place: _newest(self._letters[place]))
        for number, offset in places[: len(places) - KEPT]:
            held = self._held[number]
            self._held[number] = Span(max(held.first, offset + 1), held.end)
        self._letters = {place: each for place, each in self._letters.items() if self._holds(place)}


def _newest(letter: DeadLetter) -> tuple[str, int, int]:
    stored = letter.stored
    return letter.time or "", stored.partition if stored else 0, stored.offset if stored else 0
