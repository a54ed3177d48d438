"""The reviews that were given so far, by whomever and with whichever tool: of their topic, and of the archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from threading import Lock

from pipeline.errors import ServiceError
from pipeline.ports import Span
from pipeline.rules.reviews.queueing import Answered
from pipeline.rules.times import Window
from pipeline.wire import Review, parse_review
from workers.console.reach import Reach

MOST = 100_000
"""Reviews of either place, the last ones: about as many as ten people give in a month."""
LOOK, ARCHIVE_LOOK = 3.0, 300.0
"""Seconds between two looks at the topic, and at the archive."""
REACHES = 90 * 86_400.0
"""Seconds back for which the archive's reviews are read."""
PATIENCE = 5.0
"""Seconds that a look may take; the next one goes on from there."""


class KnownReviews:
    """Looks for new ones whenever it is asked and some time has passed. Safe to share."""

    def __init__(self, reach: Reach, topic: str, clock: Callable[[], float] = time.time) -> None:
        self._reach = reach
        self._topic = topic
        self._clock = clock
        self._looking, self._lock = Lock(), Lock()
        self._reviews: dict[tuple[str, ...], Review] = {}
        self._answered = Answered(())
        self._id = ""
        self._read: dict[int, int] = {}
        self._looked = self._looked_in_archive = 0.0
        self.trouble = ""
        """Why the last look failed; empty where it did not."""

    def all(self) -> Sequence[Review]:
        """What is known now. It blocks for `PATIENCE` or so at most."""
        with self._looking:
            now = self._clock()
            if abs(now - self._looked) >= LOOK:  # it is negative where the clock was set back
                self._look(now)
                self._looked = self._clock()  # one that failed may have taken longer than it is good for
        with self._lock:
            return list(self._reviews.values())

    def add(self, reviews: Sequence[Review]) -> None:
        """Take what has just been said here: it is in the topic, and need not be waited for."""
        with self._lock:
            for each in reviews:
                self._reviews[each.review_id, each.policy, each.image_id, each.event_id] = each
                self._answered.add(each)

    def has_answer(self, event: str, image: str, policy: str) -> bool:
        with self._lock:
            return self._answered.has(event, image, policy)

    def _look(self, now: float) -> None:
        self.trouble = ""
        for look in (partial(self._look_in_archive, now), self._look_in_topic):
            try:
                look()
            except ServiceError as error:  # what the other says is no worse for it
                self.trouble = str(error)

    def _look_in_archive(self, now: float) -> None:
        if self._reach.archive is not None and abs(now - self._looked_in_archive) >= ARCHIVE_LOOK:
            with self._reach.archive() as archive:
                self.add(list(islice(archive.reviews(Window(now - REACHES)), MOST)))
            self._looked_in_archive = now

    def _look_in_topic(self) -> None:
        ends = time.monotonic() + PATIENCE
        with closing(self._reach.topic(self._topic)) as topic:
            held = topic.spans()
            if topic.id != self._id:  # the first look, or it was made anew: offsets of another mean nothing here
                self._id, self._read = topic.id, {}
            most = MOST // max(1, len(held))
            spans = {
                number: Span(max(self._read.get(number, span.end - most), span.first), span.end)
                for number, span in held.items()
            }
            found = list[Review]()
            for record in topic.read({number: span for number, span in spans.items() if span.first < span.end}):
                self._read[record.partition] = record.offset + 1
                try:
                    found.append(parse_review(record.value or b""))
                except ValueError:
                    continue  # somebody else's record; `sluice review report` counts them
                if time.monotonic() > ends:
                    break
            self.add(found)
