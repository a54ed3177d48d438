"""The newest dead letters, without their bytes: read backwards from the end of their topic, and on as they come."""

from __future__ import annotations

import math
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
"""Records of a partition that are read at once, at least: each may be as large as a picture."""
QUICK = 0.5
"""Seconds within which that many were read where twice as many are read the next time."""
PATIENCE = 3.0
"""Seconds that a look may take; the next one goes on from there."""
Place = tuple[int, int]
"""Partition and offset in the dead-letter topic."""


@dataclass(frozen=True)
class Shelved:
    """What is known: the newest first, how many of each reason, and whether there are older and newer ones."""

    letters: Sequence[DeadLetter]
    reasons: Sequence[tuple[str, int]]
    older: bool
    newer: bool


class Shelf:
    """Looks when it is asked. Safe to share; one thread looks, and others wait for it."""

    def __init__(self, topic: Callable[[], Topic]) -> None:
        self._topic = topic
        self._lock = Lock()
        self._id = ""
        self._chunk = CHUNK
        self._letters: dict[Place, DeadLetter] = {}
        self._held: dict[int, Span] = {}
        """What was read of each partition, without a gap."""
        self._replayed: dict[Place, str] = {}

    def look(self) -> Shelved:
        """It blocks for `PATIENCE` or so. Raises `ServiceError`."""
        with self._lock, closing(self._topic()) as topic:
            ends = time.monotonic() + PATIENCE
            spans = topic.spans()
            self._begin(topic.id, spans)
            self._read_on(topic, spans, ends)
            self._read_back(topic, spans, ends)
            self._leave_out_oldest()
            letters = sorted(self._letters.values(), key=_newest, reverse=True)
            older = any(self._held[number].first > span.first for number, span in spans.items())
            newer = any(self._held[number].end < span.end for number, span in spans.items())
            return Shelved(letters, Counter(reason_of(each) for each in letters).most_common(), older, newer)

    def mark(self, place: Place, said: str) -> None:
        """Remember, while this process lives, that it was sent again, and by whom."""
        with self._lock:
            self._replayed[place] = said

    def replayed(self, place: Place) -> str:
        return self._replayed.get(place, "")

    def _begin(self, topic: str, spans: Spans) -> None:
        """Forget what the topic has not any more; where it was made anew, or runs far ahead, begin at its end."""
        if topic != self._id:
            self._id, self._held, self._replayed = topic, {}, {}
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
        while time.monotonic() < ends:
            held, chunk = self._held, self._chunk
            ahead = {
                number: Span(held[number].end, min(held[number].end + chunk, span.end))
                for number, span in spans.items()
                if held[number].end < span.end
            }
            if not ahead or not self._take(topic, ahead, ends):
                return
            self._held = held | {number: Span(held[number].first, to) for number, (_, to) in ahead.items()}

    def _read_back(self, topic: Topic, spans: Spans, ends: float) -> None:
        """A chunk of each partition in turn, so that none is far behind the others in time."""
        while time.monotonic() < ends and len(self._letters) < KEPT:
            held, chunk = self._held, self._chunk
            back = {
                number: Span(max(held[number].first - chunk, span.first), held[number].first)
                for number, span in spans.items()
                if held[number].first > span.first
            }
            if not back or not self._take(topic, back, ends):
                return
            self._held = held | {number: Span(first, held[number].end) for number, (first, _) in back.items()}

    def _take(self, topic: Topic, spans: Spans, ends: float) -> bool:
        """Keep what stands there; False where time was over before all was read, and nothing of it is kept.

        The least that is read at once is read whatever it takes, so that each look comes further.
        """
        begun, found = time.monotonic(), dict[Place, DeadLetter]()
        over = ends if self._chunk > CHUNK else math.inf
        for record in topic.read(spans):
            letter = read_dead_letter(record)
            found[record.partition, record.offset] = replace(
                letter, image_id=letter.image_id[:LONGEST], message=letter.message[:LONGEST], notes=[]
            )
            if time.monotonic() > over:
                self._chunk = max(CHUNK, self._chunk // 4)
                return False
        self._letters |= found
        if time.monotonic() - begun < QUICK:
            self._chunk = min(2 * self._chunk, KEPT)
        return True

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
