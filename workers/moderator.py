"""The moderator's loop: commit what is through, poll if there is room, feed. Nothing else happens on this thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

from pipeline.items import Batch
from pipeline.ports import Hooks, Source
from pipeline.runner import Runner

POLL_SECONDS = 0.1
"""Longest wait for events, and so the longest that a finished batch waits for its commit while nothing comes in."""


class Moderator:
    """One member of the consumer group, from its source to its commits."""

    def __init__(
        self,
        source: Source,
        runner: Runner,
        hooks: Hooks,
        clock: Callable[[], float],
        *,
        drain_timeout: float,
    ) -> None:
        self._source = source
        self._runner = runner
        self._hooks = hooks
        self._clock = clock
        self._drain_timeout = drain_timeout
        self._beat = clock()

    def run(self, stop: Event) -> None:
        """Moderate until `stop` is set, then finish what is in flight and commit it.

        Raises `StopError` when a decision cannot be published, the device fails or the broker refuses. What was in
        flight is then not committed, so that it will be delivered again.
        """
        try:
            while not stop.is_set():
                self._beat = self._clock()
                self._commit(self._runner.drain())
                self._feed()
            self._commit(self._runner.close(self._drain_timeout))
        finally:
            self._runner.abandon(self._drain_timeout)
            self._source.close()

    def _feed(self) -> None:
        """Poll into the runner; while it is full, poll paused, which keeps the group membership alive."""
        if room := self._runner.room():
            self._source.resume()
            batch = self._source.poll(POLL_SECONDS, room)
        else:
            self._source.pause()
            batch = self._source.poll(0.0, 1)
            if batch is None:
                self._runner.wait(POLL_SECONDS)
        if batch is not None:
            self._hooks.polled(len(batch), sum(len(item.event.value or b"") for item in batch.items))
            self._runner.feed(batch)

    def _commit(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self._source.commit(batch)

    def stalled(self) -> float:
        """Seconds since anything last moved: the loop itself, or the batch that has been inside the longest."""
        oldest = self._runner.oldest()
        return self._clock() - min(self._beat, self._beat if oldest is None else oldest)
