"""The moderator's loop: commit what is through, poll if there is room, feed. Nothing else happens on this thread."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from threading import Event

import structlog

from pipeline.errors import StopError
from pipeline.items import Batch
from pipeline.path.path import Path
from pipeline.ports import Hooks, Source
from pipeline.rules.flow.brake import Brake

POLL_SECONDS = 0.1
"""Longest wait for events, and so the longest that a finished batch waits for its commit while nothing comes in."""
LAST_MOMENT = 2.0
"""Seconds for threads to let go of what is given up; one that hangs does not hold up the end."""
_log = structlog.get_logger(__name__)


class Moderator:
    """One member of the consumer group, from its source to its commits."""

    def __init__(
        self,
        source: Source,
        path: Path,
        brake: Brake,
        hooks: Hooks,
        clock: Callable[[], float],
        *,
        drain_timeout: float,
    ) -> None:
        self._source = source
        self._path = path
        self._brake = brake
        self._hooks = hooks
        self._clock = clock
        self._drain_timeout = drain_timeout
        self._beat = clock()
        self._let_go = False

    def run(self, stop: Event) -> None:
        """Moderate until `stop` is set, then finish what is in flight and commit it.

        Raises `StopError` when a decision cannot be published, the device fails or the broker refuses. What was in
        flight is then not committed, so that it will be delivered again.
        """
        self._source.finish_with(lambda: self._while_leaving(stop))
        try:
            while not stop.is_set():
                self._beat = self._clock()
                self._heed_release()
                self._commit(self._done())
                self._feed()
            self._commit(self._judged(self._path.close(self._drain_timeout)))
        finally:
            self._path.abandon(LAST_MOMENT)
            self._source.close()

    def _feed(self) -> None:
        """Poll into the path; while it is full, poll paused, which keeps the group membership alive."""
        if room := self._brake.room(self._path.room(), not self._path.idle(), self._beat):
            self._source.resume()
            batch = self._source.poll(POLL_SECONDS, room)
        else:
            self._source.pause()
            batch = self._source.poll(0.0, 1)
            if batch is None:
                self._path.wait(POLL_SECONDS)
        if batch is not None:
            self._brake.tried(self._beat)
            self._hooks.polled(len(batch), sum(len(item.event.value or b"") for item in batch.items))
            self._path.feed(batch)

    def _commit(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self._source.commit(batch)

    def _done(self) -> Sequence[Batch]:
        return self._judged(self._path.drain())

    def _while_leaving(self, stop: Event) -> Sequence[Batch]:
        """What is through, for the source, in which this thread waits for partitions to go: until it is to stop."""
        if stop.is_set():
            raise StopError("told to stop: what is in flight is finished in one go")
        return self._done()

    def _judged(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        for batch in batches:
            self._judge_ourselves(batch)
        return batches

    def _judge_ourselves(self, batch: Batch) -> None:
        """Put the brake on where too much went wrong, and take it off where a trial run was fine."""
        before = self._brake.reason
        for item in batch.items:
            self._brake.answered(item.failure, claim=item.claim is not None)
        self._tell_brake(before)

    def release_brake(self) -> None:
        """A person says that the trouble is over: heeded by the loop, so that a signal's handler may call it."""
        self._let_go = True

    def _heed_release(self) -> None:
        if self._let_go:
            self._let_go, before = False, self._brake.reason
            self._brake.release()
            self._tell_brake(before)

    def _tell_brake(self, before: str | None) -> None:
        now = self._brake.reason
        if now is not None and before is None:
            advice = (
                f"mend the cause; it goes on after a run of good trials, or at once with: kill -USR1 {os.getpid()}"
            )
            _log.error("brake_on", reason=now, advice=advice)
        elif now is None and before is not None:
            _log.warning("brake_off", was_on_for=before)
        if now != before:
            self._hooks.braked(now)

    def braked(self) -> str | None:
        """Why no more events are taken but trials, if that is so."""
        return self._brake.reason

    def waiting_for(self) -> str | None:
        """Which stores claim checks wait for, if any does not answer."""
        return self._path.waiting_for()

    def stalled(self) -> float:
        """Seconds since anything last moved: the loop itself, or the batch that has been inside the longest."""
        oldest = self._path.oldest()
        return self._clock() - min(self._beat, self._beat if oldest is None else oldest)
