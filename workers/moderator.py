"""The moderator's loop: commit what is through, poll if there is room, feed.

The loop owns the source and runs on one thread, on which nothing else happens. The work on images is done by the
threads of the path.
"""

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
"""Seconds that threads get to let go of abandoned work; one that hangs does not hold up the end."""
_log = structlog.get_logger(__name__)


class Moderator:
    """One member of the consumer group, from its source to its commits.

    `run` is called once. The other public methods may be called from any thread, and do not block.
    """

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
        self._round_began = clock()
        self._release_asked = False
        self._brake_told: str | None = None
        """The brake's reason, as the log and the hooks were last told of it."""

    def run(self, stop: Event) -> None:
        """Moderate until `stop` is set, then finish what is in flight and commit it.

        Raises `StopError` when a decision cannot be published, the device fails or the broker refuses. What was in
        flight is then not committed, so that it will be delivered again.
        """
        self._source.finish_with(lambda: self._through_while_leaving(stop))
        try:
            while not stop.is_set():
                self._round_began = self._clock()
                self._release_if_asked()
                self._commit(self._through())
                self._feed()
            self._commit(self._counted(self._path.close(self._drain_timeout)))
        finally:
            self._path.abandon(LAST_MOMENT)
            self._source.close()

    def release_brake(self) -> None:
        """Take the brake off in the next round. It only sets a flag, so a signal's handler may call it."""
        self._release_asked = True

    def braked(self) -> str | None:
        """Why only a trial is taken now and then; None while the brake is off."""
        return self._brake.reason

    def waiting_for(self) -> str | None:
        """Which stores claim checks wait for because they do not answer; None while all do."""
        return self._path.waiting_for()

    def stalled(self) -> float:
        """Seconds since anything last moved: the loop itself, or the batch that has been inside the longest."""
        oldest = self._path.oldest()
        return self._clock() - min(self._round_began, self._round_began if oldest is None else oldest)

    def _through(self) -> Sequence[Batch]:
        return self._counted(self._path.drain())

    def _commit(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self._source.commit(batch)

    def _feed(self) -> None:
        """Poll into the path; while it is full or braked, poll paused, which keeps the group membership, and wait."""
        if room := self._brake.room(self._path.room(), not self._path.idle(), self._round_began):
            self._source.resume()
            batch = self._source.poll(POLL_SECONDS, room)
        else:
            self._source.pause()
            batch = self._source.poll(0.0, 1)
            if batch is None:
                self._path.wait(POLL_SECONDS, for_room=self._brake.reason is None)
        if batch is not None:
            self._brake.tried(self._round_began)
            self._hooks.polled(len(batch), sum(len(item.event.value or b"") for item in batch.items))
            self._path.feed(batch)

    def _through_while_leaving(self, stop: Event) -> Sequence[Batch]:
        """What is through, for a source that waits inside `poll` until revoked partitions are finished.

        Raises `StopError` once `stop` is set: then the source waits no more, and `run` finishes everything at once.
        """
        if stop.is_set():
            raise StopError("told to stop: what is in flight is finished in one go")
        return self._through()

    def _counted(self, batches: Sequence[Batch]) -> Sequence[Batch]:
        """The same batches, once the brake has counted their answers."""
        for batch in batches:
            for item in batch.items:
                self._brake.answered(item.failure, claim=item.claim is not None)
            self._tell_of_brake()
        return batches

    def _release_if_asked(self) -> None:
        if self._release_asked:
            self._release_asked = False
            self._brake.release()
            self._tell_of_brake()

    def _tell_of_brake(self) -> None:
        """Log that the brake went on or off, and tell the hooks of every new reason."""
        before, now = self._brake_told, self._brake.reason
        if now == before:
            return
        self._brake_told = now
        if before is None:
            advice = (
                f"mend the cause; it goes on after a run of good trials, or at once with: kill -USR1 {os.getpid()}"
            )
            _log.error("brake_on", reason=now, advice=advice)
        elif now is None:
            _log.warning("brake_off", was_on_for=before)
        self._hooks.braked(now)
