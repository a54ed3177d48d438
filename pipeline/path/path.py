"""The path of an image and the lane of claim checks beside it, as one object that the worker's loop feeds."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.items import Batch
from pipeline.path.claims import ClaimLane
from pipeline.path.runner import Runner

LANE_SHARE = 0.5
"""The share of the time for draining in which claims may still be fetched; the path needs the rest."""


class Path:
    """A `Runner`; where there is a `ClaimLane`, claim checks go through that first.

    Its methods keep the contracts of `Runner`'s, but for order: an image that came inline overtakes a claim check
    that was polled before it.
    """

    def __init__(self, runner: Runner, lane: ClaimLane | None, clock: Callable[[], float]) -> None:
        self._runner = runner
        self._lane = lane
        self._clock = clock

    def room(self) -> int:
        """How many events `feed` may bring now, of whatever kind."""
        room = self._runner.room()
        return room if self._lane is None else min(room, self._lane.room())

    def feed(self, batch: Batch) -> None:
        """Take a batch in; does not block, so ask for `room` first."""
        if self._lane is not None and any(item.event.is_claim for item in batch.items):
            claims = Batch([item for item in batch.items if item.event.is_claim], batch.polled_at, batch.generation)
            batch.items = [item for item in batch.items if not item.event.is_claim]
            batch.items += self._lane.add(claims).items
        if batch.items:
            self._runner.feed(batch)

    def drain(self) -> list[Batch]:
        """The batches that are through. Raises `StopError` when a stage failed."""
        done = self._runner.drain()
        if done and self._lane is not None:
            self._lane.wake()
        return done

    def wait(self, timeout: float, *, for_room: bool = True) -> None:
        """As `Runner.wait`; while the lane is full, room in the runner alone is none."""
        lane_full = self._lane is not None and self._lane.room() == 0
        self._runner.wait(timeout, for_room=for_room and not lane_full)

    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._runner.oldest() is None and (self._lane is None or self._lane.idle())

    def oldest(self) -> float | None:
        """`polled_at` of the batch that has been in the runner the longest; claims that wait do not count."""
        return self._runner.oldest()

    def waiting_for(self) -> str | None:
        """The stores that claim checks wait for because they do not answer, in words; None while all answer."""
        away = {} if self._lane is None else self._lane.away()
        return "; ".join(f"{host} has not answered for {seconds:.0f} s" for host, seconds in away.items()) or None

    def close(self, timeout: float) -> list[Batch]:
        """Let what is inside finish and return what came out. Raises `StopError` when it does not in time."""
        deadline = self._clock() + timeout
        if self._lane is not None:
            self._lane.finish(timeout * LANE_SHARE)
        return self._runner.close(max(0.0, deadline - self._clock()))

    def abandon(self, timeout: float) -> None:
        """Give up what is inside; harmless once closed."""
        if self._lane is not None:
            self._lane.end()
        self._runner.abandon(timeout)
