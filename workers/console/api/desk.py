"""Where requests wait for the path of an image, and where its answers find them again.

::

    request -> Desk.ticket -> Ticket.ask -> [waiting] -> DeskSource -> path -> DeskPublisher -> `answered`

To the moderator the desk is a source and a publisher like any other (see `ends`), so that what is posted goes through
the same stages, batches and threads as what comes from Kafka. Nothing here polls, and nothing knows of HTTP but the
statuses of refusals.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from threading import Condition
from threading import Event as Flag
from types import TracebackType
from typing import Self

from starlette.exceptions import HTTPException

from pipeline.errors import StopError
from pipeline.wire import Answer, Event, Headers

JUDGE = "http:judge"
EMBED = "http:embed"
"""What stands as topic in the sources of what was posted. No topic of Kafka's has a colon in its name."""
Answered = Callable[[Answer | StopError], None]
"""Called once, on a thread of the path; it must not block. With a `StopError` when there will be no answer."""
_SMOOTHING = 0.1
_LONGEST_RETRY = 60


def stopping() -> HTTPException:
    """What newcomers are told while the process ends."""
    return HTTPException(503, "this process is stopping; another one will answer", {"Retry-After": "1"})


class Desk:
    """Takes requests in, `most` at a time whose bodies have `most_bytes` together. Safe to share between threads.

    Once `stop` is set newcomers are refused, and `through` is set when the path has taken all that came before, at
    the latest `patience` seconds later.
    """

    def __init__(
        self,
        stop: Flag,
        *,
        most: int,
        most_bytes: int,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.through = Flag()
        self._stop = stop
        self._most = most
        self._most_bytes = most_bytes
        self._patience = patience
        self._clock = clock
        self._now = now
        self._changed = Condition()
        self._process = secrets.randbelow(1 << 31)
        """Stands as partition in the sources: another process counts its requests from 0 as well."""
        self._asked = 0
        self._tickets: set[Ticket] = set()
        self._waiting: dict[int, tuple[Ticket, Event]] = {}
        self._inside: dict[int, tuple[Answered, float]] = {}
        """Who is to be told of an answer, and since when they wait, by the event's offset; who waits is here too."""
        self._before: set[Ticket] = set()
        """Tickets that the path has not taken yet, and may still have to."""
        self._bytes = 0
        self._usual = 0.0
        self._stopped_at: float | None = None
        self._error: StopError | None = None

    def ticket(self) -> Ticket:
        """A place for a request that comes in. Raises 429 where there is none, 503 where there will be none."""
        with self._changed:
            if self._stop.is_set() or self._error is not None:
                raise stopping()
            if len(self._tickets) >= self._most:
                raise self._busy(f"{self._most} requests are being answered")
            ticket = Ticket(self)
            self._tickets.add(ticket)
            self._before.add(ticket)
            return ticket

    @property
    def requests(self) -> int:
        """How many hold a ticket."""
        return len(self._tickets)

    @property
    def waiting(self) -> int:
        """How many wait for the path to take them."""
        return len(self._waiting)

    def take(self, timeout: float, most: int) -> Sequence[Event]:
        """The oldest `most` of those that wait; blocks up to `timeout` seconds for one. For the path's source.

        Raises the `StopError` that `fail` was told of.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error is not None, timeout)
            if self._error is not None:
                raise self._error
            taken = [self._waiting.pop(offset) for offset in list(self._waiting)[:most]]
            self._before.difference_update(ticket for ticket, _ in taken)
            self._see_whether_all_is_through()
            return [event for _, event in taken]

    def answer(self, answers: Sequence[Answer]) -> None:
        """Tell whoever still waits for them. For the path's publisher."""
        now = self._clock()
        told: list[tuple[Answered, Answer]] = []
        with self._changed:
            for answer in answers:
                if (inside := self._inside.pop(answer.event.offset, None)) is not None:
                    answered, since = inside
                    self._usual += _SMOOTHING * (now - since - self._usual)
                    told.append((answered, answer))
        for answered, answer in told:
            answered(answer)

    def fail(self, error: StopError) -> None:
        """Let the process end: newcomers are refused, and whoever waits is told so. The first error stays."""
        with self._changed:
            self._error = self._error or error
            told = [answered for answered, _ in self._inside.values()]
            self._inside.clear()
            self._waiting.clear()
            self._changed.notify_all()
        for answered in told:
            answered(error)

    def _ask(self, ticket: Ticket, event: Callable[[int, int, float], Event], answered: Answered) -> None:
        with self._changed:
            if self._error is not None:
                raise stopping()
            offset = ticket.offset = self._asked
            self._asked += 1
            self._waiting[offset] = ticket, event(self._process, offset, self._now())
            self._inside[offset] = answered, self._clock()
            self._changed.notify_all()

    def _grow(self, size: int) -> None:
        with self._changed:
            if self._bytes + size > self._most_bytes:
                raise self._busy(f"requests of {self._most_bytes:,} bytes together are being answered")
            self._bytes += size

    def _leave(self, ticket: Ticket) -> None:
        with self._changed:
            self._bytes -= ticket.bytes
            self._tickets.discard(ticket)
            self._before.discard(ticket)
            if ticket.offset is not None:
                self._waiting.pop(ticket.offset, None)
                self._inside.pop(ticket.offset, None)

    def _busy(self, why: str) -> HTTPException:
        """By the time that an answer usually takes, all that are inside now will have left."""
        later = min(max(1, math.ceil(self._usual)), _LONGEST_RETRY)
        return HTTPException(429, f"{why}; come back in {later} s", {"Retry-After": str(later)})

    def _see_whether_all_is_through(self) -> None:
        if self._stop.is_set():
            self._stopped_at = self._clock() if self._stopped_at is None else self._stopped_at
            if not self._before or self._clock() - self._stopped_at >= self._patience:
                self.through.set()


class Ticket:
    """A request's place at the desk, from its first byte to its answer: leave the context to give it back.

    What is still asked by then is withdrawn: what waits is never begun, and what is begun is answered to nobody.
    """

    def __init__(self, desk: Desk) -> None:
        self.offset: int | None = None
        self.bytes = 0
        self._desk = desk

    def grow(self, size: int) -> None:
        """Say that so many bytes more have come in. Raises 429 where there is no memory for them."""
        self._desk._grow(size)  # noqa: SLF001 - the two are one
        self.bytes += size

    def ask(self, topic: str, key: bytes, value: bytes, headers: Headers, answered: Answered) -> None:
        """Hand the question to the path, once. Raises 503 where it takes no more."""
        self._desk._ask(  # noqa: SLF001
            self,
            lambda process, offset, now: Event(topic, process, offset, key, value, headers, now),
            answered,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk._leave(self)  # noqa: SLF001
