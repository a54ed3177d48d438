"""A picture judged as a worker judges it, with all that an explanation needs of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag

from pipeline.adapters.local.files import FileFetcher, FileSource
from pipeline.adapters.memory.given import GivenSource
from pipeline.errors import UsageError
from pipeline.ports import Fetcher, Source
from pipeline.rules.archive.remembered import signals_of
from pipeline.signals import Signals
from pipeline.wire import Claim, Decided, Decision, Event, dead_letter
from workers import assembly
from workers.history.again import answered
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Seen:
    """An image that was judged; `image` is None where only its archived features are left."""

    image: bytes | None
    signals: Signals
    decision: Decision


def seen_file(settings: Settings, judge: assembly.Judge, path: Path) -> Seen:
    """Judge a file. Raises `UsageError` where it cannot be."""
    done, fetcher = Flag(), _Fetching(FileFetcher(settings.fetch_max_bytes))
    return _through(settings, judge, FileSource([path], done, time.monotonic), done, fetcher)


def seen_event(settings: Settings, judge: assembly.Judge, event: Event, fetcher: Fetcher) -> Seen:
    """Judge an event again. Raises `UsageError` where it cannot be."""
    done, fetching = Flag(), _Fetching(fetcher, event.value or b"")
    return _through(settings, judge, GivenSource([event], done, time.monotonic), done, fetching)


def seen_image(settings: Settings, judge: assembly.Judge, image: bytes, name: str = "image") -> Seen:
    """Judge the bytes of an image, called by that name. Raises `UsageError` where it cannot be."""
    event = Event("given", 0, 0, name.encode(), image, timestamp=time.time())
    return seen_event(settings, judge, event, FileFetcher(settings.fetch_max_bytes))


def _through(settings: Settings, judge: assembly.Judge, source: Source, done: Flag, fetching: _Fetching) -> Seen:
    settings = settings.model_copy(update={"archive": "features"})  # so the answer has its signals
    [answer] = answered(settings, judge, source, fetching, done)
    if isinstance(answer, Decided) and answer.features is not None:
        signals, compiled = signals_of(answer.features), judge.live()
        if compiled.needs_pdq:  # which features records do not keep
            signals = replace(signals, pdq=judge.model.decoder.pdq(fetching.image))
        return Seen(fetching.image, signals, answer.decision)
    letter = dead_letter(answer) if not isinstance(answer, Decided) else None
    why = "it was judged without features" if letter is None else f"{letter.reason}: {letter.message}"
    raise UsageError(f"there is no decision to explain: {why}")


class _Fetching:
    """Fetches as another, and keeps the image; `image` is what it is where there is nothing to fetch."""

    def __init__(self, fetcher: Fetcher, image: bytes = b"") -> None:
        self._fetcher = fetcher
        self.image = image

    def fetch(self, claim: Claim) -> bytes:
        self.image = self._fetcher.fetch(claim)
        return self.image
