"""What has just streamed by, as signals that any policy can judge: from caches, else made of the picture."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import SluiceError
from pipeline.rules.archive.remembered import as_kept
from pipeline.signals import Signals
from pipeline.wire import Decision
from workers.console.pictures.gone import GoneError, NotNowError, why_none
from workers.console.pictures.pictures import Pictures
from workers.console.stream.answers import Passing
from workers.console.stream.feed import Feed

if TYPE_CHECKING:
    from workers.assembly import Judge

MOST = 500
"""Different pictures, the newest, that are judged."""
PATIENCE = 3.0
"""Seconds in which pictures that no cache knows are looked at; those that are left come the next time."""
KEPT = 2_000


@dataclass(frozen=True)
class Sample:
    """Different pictures of the stream, the newest first, each with its last answer."""

    answers: Sequence[Passing]
    signals: Sequence[Signals]
    waiting: int = 0
    """Pictures that there was no time to look at, or that are not to be had now; asked again, they may be here."""
    gone: int = 0
    """Pictures that can be had no more, or are none."""

    def __str__(self) -> str:
        parts = [f"{len(self.signals):,} different pictures of those that have just streamed by"]
        parts += [f"{self.waiting:,} more wait to be looked at"] if self.waiting else []
        parts += [f"{self.gone:,} are gone"] if self.gone else []
        return "; ".join(parts)


class Recent:
    """Looks at a picture once, however often it is asked of. Safe to call from many threads; one works at a time."""

    def __init__(self, feed: Feed, pictures: Pictures, judge: Callable[[], Judge]) -> None:
        self._feed = feed
        self._pictures = pictures
        self._judge = judge
        self._lock = Lock()
        self._known: OrderedDict[str, Signals | None] = OrderedDict()

    def sample(self, patience: float = PATIENCE) -> Sample:
        """Up to `MOST` of them. Raises what loading a model raises."""
        judge = self._judge()
        newest = self._newest()
        with self._lock:
            self._recall(judge, list(newest))
            ends = time.monotonic() + patience
            for digest, answer in newest.items():
                if digest not in self._known:
                    if time.monotonic() > ends:
                        break
                    with suppress(NotNowError):
                        self._known[digest] = self._seen(judge, digest, answer)
            known = {digest: self._known[digest] for digest in newest if digest in self._known}
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        there = [(newest[digest], signals) for digest, signals in known.items() if signals is not None]
        waiting, gone = len(newest) - len(known), len(known) - len(there)
        return Sample([answer for answer, _ in there], [signals for _, signals in there], waiting, gone)

    def _newest(self) -> dict[str, Passing]:
        found: dict[str, Passing] = {}
        for answer in self._feed.newest(self._feed.count):
            if isinstance(answer.said, Decision) and len(found) < MOST:
                found.setdefault(answer.said.content_sha256, answer)
        return found

    def _recall(self, judge: Judge, digests: Sequence[str]) -> None:
        unknown = [digest for digest in digests if digest not in self._known]
        for digest, signals in (judge.features.get(unknown) if unknown else {}).items():
            self._known[digest] = replace(signals, content_sha256=digest)
        for digest in digests:
            if digest in self._known:
                self._known.move_to_end(digest)

    def _seen(self, judge: Judge, digest: str, answer: Passing) -> Signals | None:
        """The signals of a picture as a worker makes them in its first look; None where it is gone.

        Raises `NotNowError` where it may be had later.
        """
        model, place = judge.model, answer.picture
        if place is None:
            return None
        try:
            decoded = model.decoder.decode(self._pictures.bytes_of(place))
            features = model.encoder.encode_images(decoded.pixels)
        except (GoneError, SluiceError) as error:
            if isinstance(why := why_none(error), NotNowError):
                raise why from error
            return None
        if not np.isfinite(features).all():
            return None
        return Signals(as_kept(features), decoded.regions, model.provenance, decoded.unseen, content_sha256=digest)
