"""Events that are at hand, or are made as they are asked for, as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Event as Flag

from pipeline.items import Batch, Item
from pipeline.wire import Event

_PAUSE = 0.01
"""Seconds at most that a poll looks for events, or waits when there are none left: a finished batch waits no longer
for its commit."""


class GivenSource:
    """A `Source` of the events given, in order; `done` is set once all are committed.

    Events are taken as they are polled for, so there may be millions. An iterator that takes a while yields None now
    and then: a poll then ends on time with what it has.
    """

    def __init__(self, events: Iterable[Event | None], done: Flag, clock: Callable[[], float]) -> None:
        self._events = iter(events)
        self._done = done
        self._clock = clock
        self._polled = self._committed = 0
        self._paused = self._exhausted = False

    def poll(self, timeout: float, most: int) -> Batch | None:
        """The next events, without waiting for `most`; None, after a short wait, while the last are under way."""
        events = [] if self._paused or self._exhausted else self._take(most)
        self._finish()
        if not events:
            if self._paused or self._exhausted:
                self._done.wait(min(timeout, _PAUSE))
            return None
        return Batch([Item(event) for event in events], polled_at=self._clock())

    def _take(self, most: int) -> list[Event]:
        events: list[Event] = []
        until = self._clock() + _PAUSE
        for event in self._events:
            if event is not None:
                events.append(event)
                self._polled += 1
            if len(events) == most or self._clock() >= until:
                return events
        self._exhausted = True
        return events

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def commit(self, batch: Batch) -> None:
        self._committed += len(batch)
        self._finish()

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """Does nothing: no event is ever given to somebody else."""

    def close(self) -> None:
        """Nothing to free."""

    def _finish(self) -> None:
        if self._exhausted and self._committed == self._polled:
            self._done.set()
