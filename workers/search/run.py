"""A search from what was asked to what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.archive.archive import Archive, Block, Segment
from pipeline.archive.search.found import Found, look_up
from pipeline.archive.search.query import Query
from pipeline.archive.search.search import Place, Seen, search
from pipeline.archive.search.wanted import Wanted
from pipeline.archive.search.words import Words
from pipeline.ports import TextCache
from pipeline.rules.archive.nearest import Nearest
from pipeline.rules.times import Window
from pipeline.signals import Provenance
from pipeline.wire import PromptEvidence
from workers.assembly import Model
from workers.search.record import Answer, Asked, Nearby, Record, record_of

AGAINST = 3
"""Sentences that are told of where nothing was found."""


@dataclass(frozen=True)
class Loaded:
    """A model, and the features of the sentences that were put to it."""

    model: Model
    texts: TextCache


@dataclass(frozen=True)
class Search:
    """What is asked, of which rows."""

    asked: Asked
    query: Query
    made_by: Provenance
    """The model and the preprocessing whose rows are compared."""
    window: Window
    most: int
    """Lines to find."""
    loaded: Loaded | None = None
    """None where no model was needed."""


def gone_through(
    archive: Archive,
    segments: Sequence[Segment],
    what: Search,
    *,
    threads: int,
    advance: Callable[[Block], object] = lambda _: None,
    stop: Callable[[Seen], bool] = lambda _: False,
) -> tuple[Nearest[Place], Seen]:
    """The nearest of these segments, and how much was looked at.

    `advance` is told of each block that is done, and `stop` is asked before each whether that is enough.
    """
    asked = what.asked
    nearest = Nearest[Place](what.most, asked.alike, lambda place: place.order)
    seen = search(
        archive,
        segments,
        what.query,
        Wanted(verdicts=asked.verdicts, policies=asked.policies, subject=asked.subject),
        nearest,
        window=what.window,
        enough=asked.least,
        threads=threads,
        advance=advance,
        stop=stop,
    )
    return nearest, seen


@dataclass(frozen=True)
class Lined:
    """A line of the answer, and what is known of its image."""

    nearby: Nearby
    found: Found


def lines(archive: Archive, what: Search, nearest: Nearest[Place]) -> list[Lined]:
    """What is known of the nearest, but of those that have been erased meanwhile."""
    ranked = nearest.lines(what.asked.least)
    looked_up = zip(ranked, look_up(archive, [line.found for line, _ in ranked]), strict=True)
    there = [(line.score, count, found) for (line, count), found in looked_up if found is not None]
    return [
        Lined(Nearby.of(rank, *each, evidence(what.query, each[2])), each[2]) for rank, each in enumerate(there, 1)
    ]


def record(what: Search, seen: Seen, best: float, found: Sequence[Lined]) -> Record:
    """The answer without its pictures."""
    made_by = what.made_by
    nearby = [each.nearby for each in found]
    return record_of(what.asked, made_by.model.fingerprint, made_by.preprocess, seen, best, nearby)


def answer(archive: Archive, what: Search, nearest: Nearest[Place], seen: Seen) -> Answer:
    """What is known of the nearest, once it is clear which they are."""
    found = lines(archive, what, nearest)
    return Answer(record(what, seen, nearest.best, found), [each.found.thumbnail for each in found])


def stood_against(query: Query) -> list[str]:
    """The `AGAINST` sentences nearest to the words of those weighed against them; none without words."""
    return query.compiled.prompts.nearest_against(0, AGAINST) if isinstance(query, Words) else []


def evidence(query: Query, found: Found) -> PromptEvidence | None:
    """The best of the words and what stood against them; None where no words were asked for."""
    said = query.compiled.look([found.signals]).evidence(0, 0) if isinstance(query, Words) else None
    return said if isinstance(said, PromptEvidence) else None
