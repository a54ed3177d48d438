"""Wordings held against each other on pictures of this disk, or on what an archive remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.adapters.local.files import FileFetcher
from pipeline.archive.archive import TOGETHER, Archive
from pipeline.archive.search.found import look_up
from pipeline.archive.search.search import Place
from pipeline.errors import ItemError
from pipeline.lab.wordings.record import Pictured, Top, Tried, Wording
from pipeline.lab.wordings.tally import COLUMNS, Candidate, Tally
from pipeline.rules.alike import ALIKE
from pipeline.rules.archive.nearest import Line
from pipeline.rules.times import Window
from pipeline.wire import Claim
from workers import assembly
from workers.archive.opening import nothing_in, segments_made_by
from workers.archive.reading import reading
from workers.policies.judged_files import judge_files
from workers.settings import Settings
from workers.terminal.console import Terminal

T = TypeVar("T")
Lines = Sequence[Sequence[tuple[Line[Candidate[T]], int]]]
"""For each wording its highest images, and how many each stands for."""


@dataclass(frozen=True)
class Trying:
    """What is tried: wordings, the judge that `judge_of` makes of them, and what is told."""

    settings: Settings
    judge: assembly.Judge
    wordings: Sequence[str]
    thresholds: Sequence[float]
    top: int


def on_files(what: Trying, files: Iterable[str | None], named: Sequence[str], terminal: Terminal) -> Pictured:
    """Judge files as ``sluice scan`` does. Raises `UsageError` where none of them can be read."""
    tally: Tally[Claim] = _tally(what)
    unread = judge_files(what.settings, what.judge, files, terminal, tally.add)
    fetcher = FileFetcher(what.settings.fetch_max_bytes)
    lines = _lines(tally)
    top = [[_top(line, count, line.found.found.id or "") for line, count in each] for each in lines]
    pictures = [[_picture(what.judge.model, fetcher, line.found) for line, _ in each] for each in lines]
    return Pictured(_record(what, ", ".join(named), tally, top, unread.count), pictures)


def on_archive(what: Trying, archive: Archive, window: Window, terminal: Terminal) -> Pictured:
    """Judge an archive's events by their features. Raises `ServiceError` where there are none by this model."""
    segments = segments_made_by(archive, window, what.judge.model.provenance)
    tally: Tally[Place] = _tally(what)
    screen = assembly.screen(what.settings, [tally.compiled])
    with reading(terminal, "judging", segments) as advance:
        for block in archive.blocks(segments, COLUMNS, window, mapped=TOGETHER):
            tally.take(block, screen)
            advance(block)
    if not tally.images:
        raise nothing_in(archive, window)
    top: list[list[Top]] = []
    pictures: list[list[bytes | None]] = []
    for each in _lines(tally):
        found = look_up(archive, [line.found.found for line, _ in each])
        there = [(line, count, image) for (line, count), image in zip(each, found, strict=True) if image is not None]
        top.append(
            [_top(line, count, image.decision.image_id, image.decision.decided_at) for line, count, image in there]
        )
        pictures.append([image.thumbnail for _, _, image in there])
    return Pictured(_record(what, archive.store.address, tally, top), pictures)


def _tally(what: Trying) -> Tally[T]:
    return Tally(what.judge.live(), what.thresholds, what.top, ALIKE)


def _lines(tally: Tally[T]) -> Lines[T]:
    return [each.lines() for each in tally.nearest]


def _top(line: Line[Candidate[T]], count: int, image_id: str, decided_at: str | None = None) -> Top:
    found = line.found
    return Top(
        image_id=image_id,
        scores=list(found.scores),
        alike=count - 1,
        against=found.against,
        decided_at=decided_at,
    )


def _picture(model: assembly.Model, fetcher: FileFetcher, found: Candidate[Claim]) -> bytes | None:
    """The frame that has the score; None where the file has gone meanwhile."""
    try:
        return model.decoder.thumbnail(fetcher.fetch(found.found), found.frame)
    except ItemError:
        return None


def _record(what: Trying, source: str, tally: Tally[T], top: Sequence[Sequence[Top]], unread: int = 0) -> Tried:
    made_by = what.judge.model.provenance
    return Tried(
        source=source,
        model=made_by.model.fingerprint,
        preprocess=made_by.preprocess,
        images=tally.images,
        unread=unread,
        wordings=[
            Wording(words=words, counts=tally.counts(at), top=list(top[at])) for at, words in enumerate(what.wordings)
        ],
    )
