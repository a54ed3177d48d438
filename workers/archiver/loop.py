"""The archiver's loop: poll, keep, commit what is durable."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event

import structlog

from pipeline.archive.keeping import intake
from pipeline.archive.keeping.hooks import ArchiveHooks
from pipeline.archive.keeping.keeper import Keeper, KeepPolicy
from pipeline.errors import StopError, StoreAwayError
from pipeline.items import Batch
from pipeline.ports import Source, Store
from pipeline.wire import FEATURES_TOPIC, REVIEWS_TOPIC

MOST = 2_000
"""Records of a poll at most: what is read again when the store goes away in the middle of one."""
POLL_SECONDS = 0.5
REST = 5.0
"""Seconds until a store that is away is tried again."""
_log = structlog.get_logger(__name__)


class Archiver:
    """One member of the archivers' group. `run` is called once; the other methods may be called from any thread."""

    def __init__(
        self,
        source: Source,
        keeper: Keeper,
        hooks: ArchiveHooks | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        rest: float = REST,
    ) -> None:
        self._source = source
        self._keeper = keeper
        self._hooks = hooks or ArchiveHooks()
        self._clock = clock
        self._rest = rest
        self._round_began = clock()
        self._away: str | None = None
        self._try_at = 0.0

    def run(self, stop: Event) -> None:
        """Archive until `stop` is set, then make files of all that is open, and commit.

        Raises `StopError` when the broker refuses, and `StoreError` when a person must mend the store. What no file
        holds is then not committed, so that it will be read again.
        """
        self._source.finish_with(_nothing_to_wait_for)
        try:
            while not stop.is_set():
                self._round_began = self._clock()
                self._poll()
                self._keep(self._keeper.advance)
            self._try_at = 0.0
            self._keep(self._keeper.flush)
        finally:
            self._source.close()

    def away(self) -> str | None:
        """Why nothing can be kept for now; None while the store answers."""
        return self._away

    def stalled(self) -> float:
        """Seconds since the loop last came round."""
        return self._clock() - self._round_began

    def _poll(self) -> None:
        """Poll; while the store is away, poll paused, which keeps the group membership."""
        if self._away is None:
            self._source.resume()
        else:
            self._source.pause()
        batch = self._source.poll(POLL_SECONDS, MOST)
        if batch is not None:
            self._keeper.feed(batch)

    def _keep(self, step: Callable[[], Sequence[Batch]]) -> None:
        if self._clock() < self._try_at:
            return
        try:
            done = step()
        except StoreAwayError as error:
            self._try_at = self._clock() + self._rest
            self._hooks.store_failed()
            if self._away is None:
                _log.error("store_away", why=str(error), consequence="nothing is read until it is back")
            self._away = str(error)
            return
        if self._away is not None:
            _log.warning("store_back", was_away=self._away)
            self._away = None
            self._hooks.store_back()
        for batch in done:
            self._source.commit(batch)


def archiving(
    source: Source,
    store: Store,
    policy: KeepPolicy | None = None,
    *,
    topics: Mapping[str, intake.Sort] | None = None,
    hooks: ArchiveHooks | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Archiver:
    """An archiver from any source into any store; `topics` are those of the source, with how each is sorted."""
    sorts = topics or sorted_topics()
    return Archiver(source, Keeper(store, sorts, policy, hooks=hooks, clock=clock), hooks, clock)


def sorted_topics(features: str = FEATURES_TOPIC, reviews: str = REVIEWS_TOPIC) -> dict[str, intake.Sort]:
    """The topics that an archiver reads, each with how its records are sorted."""
    return {features: intake.features, reviews: intake.review}


def _nothing_to_wait_for() -> Sequence[Batch]:
    """What goes to another member is read again by it: nothing that is open is ever durable by waiting."""
    raise StopError("nothing is finished by waiting")
