"""Pictures of this disk, judged as ``sluice scan`` does, for what is counted of their signals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag

from pipeline.adapters.local.files import FileFetcher, FileSource
from pipeline.errors import UsageError
from pipeline.ports import Hooks
from pipeline.rules.archive.remembered import signals_of
from pipeline.signals import Signals
from pipeline.wire import Answer, Claim, Decided, Failed, dead_letter, parse_claim
from workers import assembly
from workers.scan.named import NAMED, counted
from workers.settings import Settings
from workers.terminal.console import Terminal

Take = Callable[[Sequence[Signals], Sequence[Claim]], object]
"""It is given the signals of some pictures, and where each lies."""


@dataclass
class Unread:
    """What could not be read: how many, and what is said of the first."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        more = self.count - len(self.first)
        return [*self.first, *([f"and {more:,} more could not be read"] if more else [])]


def judge_files(
    settings: Settings, judge: assembly.Judge, files: Iterable[str | None], terminal: Terminal, take: Take
) -> Unread:
    """Let `take` have what the model sees of each file. Raises `UsageError` where none of them can be read."""
    settings = settings.model_copy(update={"archive": "features"})  # so that each answer has its signals
    done, fetcher = Flag(), FileFetcher(settings.fetch_max_bytes)
    with terminal.counting("judging") as counter:
        source = FileSource(counted(files, counter.of), done, time.monotonic)
        taking = _Taking(take, counter.advance)
        with assembly.moderator(settings, judge, source, taking, fetcher, taking, in_order=True) as moderator:
            moderator.run(done)
    if not taking.read:
        raise UsageError(*taking.unread.lines)
    for line in taking.unread.lines:
        terminal.note(line)
    return taking.unread


@dataclass
class _Taking(Hooks):
    """A publisher that hands signals on instead of publishing."""

    take: Take
    advance: Callable[[int], object]
    read: int = 0
    unread: Unread = field(default_factory=Unread)

    def publish(self, answers: Sequence[Answer]) -> None:
        read = [
            (signals_of(each.features), parse_claim(each.event.value or b""))
            for each in answers
            if isinstance(each, Decided) and each.features is not None
        ]
        self.read += len(read)
        self.take([signals for signals, _ in read], [claim for _, claim in read])
        for each in answers:
            if not isinstance(each, Decided):
                self._count(each)
        self.advance(len(answers))

    def _count(self, answer: Failed) -> None:
        self.unread.count += 1
        if len(self.unread.first) < NAMED:
            letter = dead_letter(answer)
            self.unread.first.append(f"{letter.image_id}: {letter.message} ({letter.reason})")

    def close(self) -> None:
        """There is nothing to free."""
