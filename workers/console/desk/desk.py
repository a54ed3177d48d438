"""Who has which image in hand, and what becomes of what they say."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import NamedTuple

from pipeline.errors import ServiceError
from pipeline.lab.reviews.given import given, publish, taken_back
from pipeline.ports import RecordWriter
from pipeline.rules.archive.denied import NOBODY, Denied
from pipeline.rules.reviews.queueing import as_others
from pipeline.rules.reviews.waiting import Waiting, Wanted
from pipeline.rules.times import ALWAYS, Window
from pipeline.wire import Label, Review, rfc3339
from workers.console.desk.hands import Hands
from workers.console.desk.known import KnownReviews
from workers.console.desk.policies import AskedPolicies
from workers.console.desk.progress import Progress
from workers.console.desk.queues import Queued, Queues
from workers.console.desk.shown import Shown
from workers.console.pictures.gone import GoneError
from workers.console.reach import Reach
from workers.settings import Settings

FRESH, AGAIN = 60.0, 2.0
"""Seconds after which a queue is looked for anew; and one that has nothing left."""
UNDOES = 50
"""What a person said that can be taken back, the last ones."""
QUEUES = 64
"""Queues that are kept: one for each person and what they asked for."""
LOST = "this image is not in your hands any more: it is judged already, or the console has started anew"
_HOUR, _DAY = 3600.0, 86_400.0


class LostError(Exception):
    """The image is not in this person's hands any more; the message says so to them."""


class Ask(NamedTuple):
    """What a reviewer works through: one policy or all, of the last days or of always."""

    policy: str | None = None
    days: int = 7


@dataclass(frozen=True)
class _Filled:
    queue: deque[Waiting]
    at: float
    said: str


class Desk:
    """What people have in hand. Consoles that share a Redis never give the same image to two. Safe to share."""

    def __init__(
        self,
        reach: Reach,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        erased: Callable[[], Denied] = lambda: NOBODY,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reach = reach
        self._settings = settings
        self._clock, self._ticks = clock, ticks
        self.policies = AskedPolicies(settings.policies)
        self.known = KnownReviews(reach, settings.reviews_topic, clock)
        self.queues = Queues(reach)
        self._lock, self._filling, self._writing = Lock(), Lock(), Lock()
        self._leases = Hands(reach.leases, ticks)
        self._filled: dict[tuple[str, Ask], _Filled] = {}
        self._hands: defaultdict[str, dict[str, Waiting]] = defaultdict(dict)
        self._shown = Shown()
        self._said: defaultdict[str, deque[tuple[Waiting, list[Review]]]] = defaultdict(lambda: deque(maxlen=UNDOES))
        self._judged: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._taken_back: defaultdict[str, set[str]] = defaultdict(set)
        self._in_writing = set[tuple[str, str]]()
        self._writer: RecordWriter | None = None
        self._erased, self._denied = erased, NOBODY

    def next(self, who: str, ask: Ask, besides: Collection[str] = (), page: str = "") -> Waiting | None:
        """The image that this person looks at next, which nobody else gets meanwhile; None where nothing waits.

        First what they have in hand already, but for `besides`, events that they have before them. `page` is the one
        that shows it, as `put_down` is told. It blocks for seconds where the queue is to be looked for. Raises
        `ServiceError`.
        """
        self._forget_erased()
        self.known.all()
        key = who, ask
        with self._lock:
            found = self._on(page, who, self._in_hand(who, ask, besides))
        for _ in range(2):  # of a queue that all turns out to be in other hands, a new one is looked for at once
            if found is None:
                if self._is_old(key):
                    self._fill(key)
                with self._lock:
                    found = self._on(page, who, self._from_queue(key, besides))
        return found

    def held(self, who: str, event: str, ask: Ask) -> Waiting:
        """What this person has in hand, here or at another console that they were at before. Raises `LostError`.

        It blocks for seconds where this console has to look for it.
        """
        self._forget_erased()
        with self._lock:
            image = self._hands[who].get(event)
        if image is None:
            self.known.all()
            self._fill((who, ask))
            with self._lock:
                image = self._picked_up((who, ask), event)
        if image is None:
            raise LostError(LOST)
        return image

    def judge(self, who: str, event: str, labels: Mapping[str, Label]) -> Waiting:
        """Publish what they say of it. Raises `LostError`, or `PublishError`, after which it is in hand as before."""
        self._forget_erased()
        with self._lock:
            image = self._hands[who].pop(event, None)
            if image is None:
                raise LostError(LOST)
            if not self._leases.take(_things(image), who):
                raise LostError("somebody else has taken this image meanwhile, since you left it for long")
            self._in_writing.add((who, event))
        reviews = given(image, labels, who, rfc3339(self._clock()))
        try:
            self._publish(reviews)
        except Exception:
            with self._lock:
                self._in_writing.discard((who, event))
                self._hands[who] = {event: image, **self._hands[who]}
            raise
        with self._lock:
            self._in_writing.discard((who, event))
            self._leases.settle(_things(image), who)
            self._said[who].append((image, reviews))
            self._judged[who][event] = self._clock()
            self._taken_back[who].discard(event)
            self._shown.forget(who, event)
        return image

    def undo(self, who: str, page: str = "") -> Waiting | None:
        """Take back what they said last, and put it into their hands again; None where there is nothing.

        `page` is as for `next`. Raises `PublishError`.
        """
        self._forget_erased()
        with self._lock:
            if not self._said[who]:
                return None
            image, reviews = self._said[who].pop()
        try:
            self._publish(taken_back(reviews, rfc3339(self._clock())))
        except Exception:
            with self._lock:
                self._said[who].append((image, reviews))
            raise
        event = image.decision.event_id
        with self._lock:
            self._leases.unsettle(_things(image), who)
            self._hands[who] = {event: image, **self._hands[who]}
            self._judged[who].pop(event, None)
            self._taken_back[who].add(event)
            return self._on(page, who, image)

    def put_down(self, who: str, events: Collection[str], page: str = "") -> None:
        """Give back what they have in hand of these, unjudged, as they leave that page and no later one shows it."""
        with self._lock:
            for event in self._shown.left(who, events, page):
                self._shown.forget(who, event)
                if (image := self._hands[who].pop(event, None)) is not None:
                    self._leases.put_down(_things(image), who)

    def progress(self, who: str, ask: Ask) -> Progress:
        now, (right, golden) = self._clock(), as_others(self.known.all(), who)
        with self._lock:
            filled, times = self._filled.get((who, ask)), list(self._judged[who].values())
        waiting, said = (0, "") if filled is None else (len(filled.queue), filled.said)
        in_hour = sum(now - at < _HOUR for at in times)
        return Progress(len(times), in_hour, right, golden, waiting, said, self._leases.trouble)

    def close(self) -> None:
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _publish(self, reviews: list[Review]) -> None:
        with self._writing:
            if self._writer is None:
                self._writer = self._reach.writer()
            publish(self._writer, self._settings.reviews_topic, reviews)
        self.known.add(reviews)

    def _forget_erased(self) -> None:
        """Have nothing queued or in hand that is from before an erasure: it is looked for anew in what is left.

        Raises `ServiceError` where the archive does not say who is erased.
        """
        try:
            denied = self._erased()
        except GoneError as error:
            raise ServiceError(str(error)) from error
        with self._lock:
            if denied != self._denied:
                self._denied = denied
                for each in (self._filled, self._hands, self._said):
                    each.clear()

    def _on(self, page: str, who: str, image: Waiting | None) -> Waiting | None:
        if image is not None:
            self._shown.on(who, image.decision.event_id, page)
        return image

    def _is_old(self, key: tuple[str, Ask]) -> bool:
        with self._lock:
            filled = self._filled.get(key)
        return filled is None or self._ticks() - filled.at > (FRESH if filled.queue else AGAIN)

    def _in_hand(self, who: str, ask: Ask, besides: Collection[str]) -> Waiting | None:
        hand = self._hands[who]
        for event, image in list(hand.items()):
            if event in besides or ask.policy not in {None, *image.policies}:
                continue
            if self._is_open(image, who) and self._leases.take(_things(image), who):
                return image
            del hand[event]
            self._shown.forget(who, event)
        return None

    def _picked_up(self, key: tuple[str, Ask], event: str) -> Waiting | None:
        """Of the queue the image of that event, in their hands; None where it is not there or in somebody else's."""
        who = key[0]
        filled = self._filled.get(key)
        queue = () if filled is None else filled.queue
        queued = next((each for each in queue if each.decision.event_id == event), None)
        image = queued and self._still_asked(queued, who)
        if image is None or not self._leases.take(_things(image), who):
            return None
        self._hands[who][event] = image
        return image

    def _from_queue(self, key: tuple[str, Ask], besides: Collection[str]) -> Waiting | None:
        who = key[0]
        filled = self._filled.get(key)
        while filled is not None and filled.queue:
            image = self._still_asked(filled.queue.popleft(), who)
            if image is None or image.decision.event_id in {*besides, *self._hands[who]}:
                continue
            if self._leases.take(_things(image), who):
                self._hands[who][image.decision.event_id] = image
                return image
        return None

    def _is_open(self, image: Waiting, who: str) -> bool:
        """Whether what they have in hand has no answer from another console, or they took back what they said."""
        return image.decision.event_id in self._taken_back[who] or self._still_asked(image, who) is not None

    def _still_asked(self, image: Waiting, who: str) -> Waiting | None:
        """The image with the policies that nobody has judged since it was queued, nor this person is just judging."""
        event = image.decision.event_id
        if (who, event) in self._in_writing:
            return None
        if image.kind == "golden":
            return None if event in self._judged[who] else image
        left = tuple(
            each for each in image.policies if not self.known.has_answer(event, image.decision.image_id, each)
        )
        return replace(image, policies=left) if left else None

    def _fill(self, key: tuple[str, Ask]) -> None:
        who, ask = key
        with self._filling:
            policies = self.policies.now()
            wanted = Wanted(who, policies.actions, ask.policy, self._settings.review_sample)
            window = Window(self._clock() - ask.days * _DAY) if ask.days else ALWAYS
            found: Queued = self.queues.of(wanted, self.known.all(), window)
            trouble = "; ".join(each for each in (found.said, policies.trouble, self.known.trouble) if each)
        with self._lock:
            self._filled.pop(key, None)
            self._filled[key] = _Filled(deque(found.images), self._ticks(), trouble)
            while len(self._filled) > QUEUES:
                del self._filled[next(iter(self._filled))]


def _things(image: Waiting) -> list[str]:
    """What is leased with it: its event and those that are nearly the same."""
    return [each.event_id for each in (image.decision, *image.alike)]
