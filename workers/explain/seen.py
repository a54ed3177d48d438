"""A picture judged as a worker judges it, with all that an explanation needs of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag

from pipeline.adapters.local.files import FileFetcher, FileSource
from pipeline.adapters.memory.given import GivenSource
from pipeline.errors import UsageError
from pipeline.ports import Fetcher, Hooks, Source
from pipeline.rules.archive.remembered import signals_of
from pipeline.signals import Signals
from pipeline.wire import Answer, Claim, Decided, Decision, Event, dead_letter
from workers import assembly
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


def _through(settings: Settings, judge: assembly.Judge, source: Source, done: Flag, fetching: _Fetching) -> Seen:
    settings, kept = settings.model_copy(update={"archive": "features"}), _Kept()  # so the answer has its signals
    with assembly.moderator(settings, judge, source, kept, fetching, kept, in_order=True) as moderator:
        moderator.run(done)
    [answer] = kept.answers
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


class _Kept(Hooks):
    """A publisher that keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def publish(self, answers: Sequence[Answer]) -> None:
        self.answers += answers

    def close(self) -> None:
        """There is nothing to free."""
