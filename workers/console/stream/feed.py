"""The console's own reading of answers: from now on, in no group, so that it takes nothing from anybody."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import structlog

from pipeline.errors import SluiceError
from pipeline.wire import rfc3339
from workers.canary.reading import Answers
from workers.console.stream.answers import Passing, passing
from workers.console.stream.changes import Change, Changes, Seen
from workers.console.stream.counts import Rows, Steps, keys_of

KEPT = 2_000
"""Answers in memory; some 3 KB each."""
HOUR, DAY = (10.0, 360), (120.0, 720)
"""Steps of the counts, in seconds, and how many are kept."""
SLICE = 0.5
QUIET = 2.0
"""Seconds without an answer after which it is asked whether the broker is there at all, and then again."""
PAUSE = 1.0
KEPT_GAPS = 200
Gap = tuple[float, float]
"""A time in which no answers were read: from, until."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether answers can be read, since when, and if not, why."""

    well: bool
    since: float
    why: str = ""


class Remembered(msgspec.Struct, frozen=True):
    """What a file keeps of a feed; times are in seconds since the epoch."""

    hour: Rows
    day: Rows
    changes: list[Change]
    seen: list[Seen]
    unread: list[Gap]


class Feed:
    """Reads on a thread of its own from `start` to `close`. Safe to ask from any thread.

    `open_answers` begins to read from the moment at which it is called; `listening` is whether a broker is there.
    """

    def __init__(
        self,
        open_answers: Callable[[], Answers],
        listening: Callable[[], bool],
        dead_letters_topic: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._open = open_answers
        self._listening = listening
        self._letters = dead_letters_topic
        self._clock = clock
        self._lock = threading.Lock()
        self._ring: deque[Passing] = deque(maxlen=KEPT)
        self._by_event: dict[str, Passing] = {}
        self._hour, self._day = Steps(*HOUR), Steps(*DAY)
        self._unread: deque[Gap] = deque(maxlen=KEPT_GAPS)
        self._condition = Condition(well=False, since=clock(), why="it starts")
        self._heard = time.monotonic()
        self._read_until = 0.0
        self._count = 0
        self._heard_by: list[Callable[[Passing], object]] = []
        self.changes = Changes(clock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sluice-console-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(SLICE + PAUSE + 10)

    def heard_by(self, listener: Callable[[Passing], object]) -> None:
        """From now on `listener` is called with each answer, on the thread that reads: it must not block."""
        self._heard_by.append(listener)

    @property
    def condition(self) -> Condition:
        return self._condition

    @property
    def read_until(self) -> float:
        """Up to when it is known what came by, in seconds; 0 where nothing could be read yet."""
        return self._clock() if self._condition.well else self._read_until

    @property
    def count(self) -> int:
        """How many answers were read."""
        return self._count

    def newest(self, most: int, wanted: Callable[[Passing], bool] = lambda _: True, after: int = 0) -> list[Passing]:
        """The newest first, of those that came after that number."""
        with self._lock:
            ring = list(self._ring)
        found: list[Passing] = []
        for each in reversed(ring):
            if each.number <= after or len(found) == most:
                break
            if wanted(each):
                found.append(each)
        return found

    def of_event(self, event_id: str) -> Passing | None:
        """The last answer to that event, while it is remembered."""
        with self._lock:
            return self._by_event.get(event_id)

    def steps(self, seconds: float) -> tuple[Steps, float]:
        """The counts that hold so long a time, and when it began."""
        steps = self._hour if seconds <= HOUR[0] * HOUR[1] else self._day
        return steps, self._clock() - seconds

    def unread(self) -> list[Gap]:
        """When no answers were read, so that of counts of those times nothing is known."""
        with self._lock:
            gaps, now = list(self._unread), self._condition
        return gaps if now.well else [*gaps, (now.since, self._clock())]

    def remembered(self) -> Remembered:
        return Remembered(self._hour.rows(), self._day.rows(), *self.changes.remembered(), self.unread())

    def recall(self, kept: Remembered, until: float, now: float) -> None:
        """Take what `remembered` gave at the time `until`, before anything is read."""
        self._hour.recall(kept.hour, now)
        self._day.recall(kept.day, now)
        again = Change(now, "console", f"the console looks on again; it had not since {rfc3339(until)}")
        self.changes.recall([*kept.changes, again], kept.seen)
        self._read_until = _read_until(kept.unread, until)
        with self._lock:
            self._unread.extendleft(reversed([*kept.unread, (until, now)]))

    def take(self, answer: Passing) -> None:
        """Keep an answer and count it."""
        with self._lock:
            if len(self._ring) == KEPT and self._by_event.get(self._ring[0].event_id) is self._ring[0]:
                del self._by_event[self._ring[0].event_id]
            self._ring.append(answer)
            self._by_event[answer.event_id] = answer
            self._count = answer.number
            now = self._clock()
            for steps in (self._hour, self._day):
                steps.add(now, keys_of(answer))
        self.changes.heed(answer)
        for listener in self._heard_by:
            listener(answer)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                answers = self._open()
                try:
                    self._read(answers)
                finally:
                    answers.close()
            except SluiceError as error:
                self._is(well=False, why=str(error))
                self._stop.wait(PAUSE)
            except Exception as error:  # noqa: BLE001 - pages say so, and it is tried again
                _log.exception("console_feed_failed")
                self._is(well=False, why=f"{type(error).__name__}: {error}")
                self._stop.wait(PAUSE)

    def _read(self, answers: Answers) -> None:
        self._is(well=True)
        while not self._stop.is_set():
            records = answers.read(SLICE)
            for record in records:
                answer = passing(self._count + 1, record, self._letters)
                if answer is not None:
                    self.take(answer)
            if records:
                self._heard = time.monotonic()
                self._is(well=True)
            elif time.monotonic() - self._heard > QUIET:
                there, self._heard = self._listening(), time.monotonic()
                self._is(well=there, why="" if there else "no broker answers")

    def _is(self, *, well: bool, why: str = "") -> None:
        before = self._condition
        if before.well != well:
            if well:
                with self._lock:
                    self._unread.append((before.since, self._clock()))
            else:
                self._read_until = self._clock()
            self._condition = Condition(well, self._clock(), why)
            self.changes.note(Change(self._clock(), "stream", "answers are read" if well else f"no answers: {why}"))
        elif before.why != why:
            self._condition = replace(before, why=why)


def _read_until(unread: Sequence[Gap], until: float) -> float:
    """When answers were read last, of a time that ended at `until` and had these gaps, the newest last."""
    for begun, ended in reversed(unread):
        if ended + HOUR[0] < until:
            break
        until = begun
    return until
