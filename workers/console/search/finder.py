"""Searches of the archive, or else of the stream: one at a time, each within a bound of rows and of seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.archive.lookup import newest_first
from pipeline.archive.search.likeness import Likeness
from pipeline.archive.search.search import Seen
from pipeline.archive.search.words import Words
from pipeline.errors import ServiceError, UsageError
from pipeline.rules.archive.denied import Denied
from pipeline.signals import Provenance
from pipeline.wire import ModelRef
from workers.archive.opening import nothing_in
from workers.console.in_time import in_time
from workers.console.pictures.gone import GoneError
from workers.console.pictures.pictures import Wanted
from workers.console.search.pictured import Uploads, archived
from workers.console.search.result import Hit, Result
from workers.console.search.streamed import WHERE, of_sample
from workers.search.phrases import policy_of_words
from workers.search.pictures import Pictured
from workers.search.run import Lined, Search, gone_through, lines, record, stood_against

if TYPE_CHECKING:
    from pipeline.archive.archive import Archive
    from pipeline.archive.listing import Segment
    from workers.console.console import Console
    from workers.console.policies.recent import Sample
    from workers.console.search.query import Query

SECONDS, ROWS = 10.0, 20_000_000
"""A search ends after so long a time, or so many rows: the newest come first, and the page says how far it came."""
WAITING = 10.0
"""Seconds that a search waits for the one before it."""
LIMIT = 25.0
"""Seconds that a person waits in all, whatever the archive's listing, a bucket or a model that loads takes."""
TOO_LONG = "narrow it by days, or ask again in a moment: the search goes on, and what it finds is kept for a while"
THREADS = 2
FRESH = 120.0
"""Seconds for which what was found is remembered: more of it, and what is made of it, need no second search."""
KEPT = 32


class _Kept(NamedTuple):
    result: Result
    began: float
    """When it was looked for, by the clock."""
    until: float
    denied: Denied
    """What was erased when it was found."""


class _Bound:
    """Ends a search; `reached` says that it did."""

    def __init__(self, clock: Callable[[], float], until: float) -> None:
        self._clock = clock
        self._until = until
        self.reached = False

    def __call__(self, seen: Seen) -> bool:
        self.reached = self._clock() > self._until or seen.rows > ROWS
        return self.reached


class Finder:
    """Safe to share; it blocks, and raises `UsageError` and `ServiceError`."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._turn, self._lock = Semaphore(1), Lock()
        self._found: OrderedDict[Query, _Kept] = OrderedDict()
        self.uploads = Uploads()

    def upload(self, image: bytes) -> str:
        """The name by which a query asks for what is like this picture. Raises `ServiceError` after `LIMIT`."""
        return in_time(LIMIT, lambda: self.uploads.take(image, self._console.reach.judge()), "ask again in a moment")

    def result(self, query: Query, *, anew: bool = False) -> Result:
        """What is found now or, unless `anew`, was within `FRESH`. Raises `ServiceError` after `LIMIT`."""
        return in_time(LIMIT, lambda: self._result(query, self._clock() if anew else 0.0), TOO_LONG)

    def age(self, query: Query) -> float:
        """Seconds since what is remembered of it was looked for; 0 where nothing is."""
        with self._lock:
            kept = self._found.get(query)
        return self._clock() - kept.began if kept is not None else 0.0

    def _result(self, query: Query, since: float) -> Result:
        """What was looked for at that moment of the clock or later, and within `FRESH`, else what is found now."""
        denied = self._erased()
        if (kept := self._kept(query, denied, since)) is not None:
            return kept
        with self._alone():
            # Found by who had the turn, for somebody who gave up.
            if (kept := self._kept(query, denied, since)) is not None:
                return kept
            began = self._clock()
            found = self._search(query, denied)
            with self._lock:
                self._found[query] = _Kept(found, began, self._clock() + FRESH, denied)
                self._found.move_to_end(query)
                while len(self._found) > KEPT:
                    self._found.popitem(last=False)
        return found

    def _kept(self, query: Query, denied: Denied, since: float) -> Result | None:
        with self._lock:
            kept = self._found.get(query)
        if kept is None or kept.denied != denied or kept.began < since or kept.until <= self._clock():
            return None
        return kept.result

    def forget(self) -> None:
        """Remember nothing that was found."""
        with self._lock:
            self._found.clear()

    def _erased(self) -> Denied:
        try:
            return self._console.pictures.erased()
        except GoneError as error:
            raise ServiceError(str(error)) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=WAITING):
            raise ServiceError("another search is under way; ask again in a moment")
        try:
            yield
        finally:
            self._turn.release()

    def _search(self, query: Query, denied: Denied) -> Result:
        opened = self._console.reach.archive
        if opened is None:
            return self._streamed(query)
        with opened() as archive:
            what = self._ready(query, archive.store.address, partial(archived, archive))
            segments = self._segments(archive, what)
            bound = _Bound(self._clock, self._clock() + SECONDS)
            threads = min(THREADS, self._console.settings.cores)
            nearest, seen = gone_through(archive, segments, what, threads=threads, stop=bound)
            found = lines(archive, what, nearest)
            self._remember(found, denied)
            said = f"{len(segments):,} segment{'' if len(segments) == 1 else 's'} of {archive.store.address}"
            hits = [Hit(each.nearby, each.found.decision.source) for each in found]
            why = f"{SECONDS:g} s or {ROWS:,} rows were not enough for all of it" if bound.reached else ""
            return Result(record(what, seen, nearest.best, found), hits, said, why, stood_against(what.query))

    def _streamed(self, query: Query) -> Result:
        sample = self._console.recent.sample()
        return of_sample(sample, self._ready(query, WHERE, lambda event_id, _: _of_event(sample, event_id)))

    def _ready(self, query: Query, where: str, look: Callable[[str, str], Pictured | None]) -> Search:
        """What is asked; `look` finds the views of an event, of which the day may be known."""
        window = query.window()
        asked = query.asked(where, window)
        if query.by_words:
            judge = self._console.reach.judge()
            policy_set = policy_of_words(self._console.settings, judge.model, asked.words, asked.unless)
            return Search(asked, Words(judge.live.compiled(policy_set)), judge.model.provenance, window, query.lines)
        seen = self.uploads.get(query.picture) if query.picture else look(query.like, query.day)
        if seen is None:
            raise UsageError(f"no image, event or decision {query.like} was found in {where} in time")
        made_by = Provenance(ModelRef("", seen.fingerprint, ""), seen.preprocess)
        return Search(asked, Likeness(np.asarray(seen.views)), made_by, window, query.lines)

    def _segments(self, archive: Archive, what: Search) -> list[Segment]:
        """Those of the same model, the newest first."""
        kind = what.made_by.model.fingerprint, what.made_by.preprocess
        found = [
            each
            for each in archive.segments(what.window)
            if (each.name.group.fingerprint, each.name.group.preprocess) == kind
        ]
        if not found:
            raise nothing_in(archive, what.window, kind)
        return newest_first(found)

    def _remember(self, found: list[Lined], denied: Denied) -> None:
        """The thumbnails that came with the rows, so that no picture of the sheet is looked for one by one."""
        for each in found:
            if each.found.thumbnail is not None:
                decision = each.found.decision
                wanted = Wanted(decision.source, decision.event_id, decision.decided_at[:10])
                self._console.pictures.known(wanted, each.found.thumbnail, denied)


def _of_event(sample: Sample, name: str) -> Pictured | None:
    for answer, signals in zip(sample.answers, sample.signals, strict=True):
        if name == answer.event_id:
            made_by = signals.made_by
            return Pictured(signals.features, made_by.model.fingerprint, made_by.preprocess)
    return None
