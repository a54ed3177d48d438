"""Answers by id: of those that just streamed by, else in the archive, else in the topics, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from pipeline.errors import ServiceError
from pipeline.rules.times import ALWAYS
from pipeline.wire import rfc3339
from workers.console.console import Console
from workers.console.in_time import in_time
from workers.history.found import Found, in_order
from workers.history.in_topics import Search, decision_in, letter_in

LIMIT = 20.0
"""Seconds for the archive, its listing and whatever a bucket takes among them."""
PATIENCE = 10.0
"""Seconds to look for one id: a page that does not find it by then says how far it came."""


class _OverError(Exception):
    """Time is up."""


@dataclass(frozen=True)
class Looked:
    """The newest answer first, and in words where was looked."""

    answers: Sequence[Found]
    said: str
    only_here: bool = False
    """Whether it was looked for in memory alone, so that there may be more."""


def answers_called(console: Console, name: str, *, everywhere: bool = False) -> Looked:
    """The answers of an event, a decision or an image of that id; `everywhere` asks archive and topics too."""
    passing = None if everywhere else console.feed.of_event(name)
    if passing is not None:
        return Looked([Found(passing.said, rfc3339(passing.at), passing.stored)], "what just streamed by", True)
    found, places, over = list[Found](), list[str](), _deadline()
    for look in (_in_archive, _in_topics):
        try:
            more, place = look(console, name, over)
            found += more
            places.append(place)
        except _OverError:
            places.append(f"{PATIENCE:g} s were not enough to look further")
        except ServiceError as error:
            places.append(str(error))
        if found and not everywhere:
            break
    return Looked(in_order(found), "; ".join(each for each in places if each))


def _deadline() -> Callable[[int], None]:
    ends = time.monotonic() + PATIENCE

    def advance(_: int) -> None:
        if time.monotonic() > ends:
            raise _OverError

    return advance


def _in_archive(console: Console, name: str, advance: Callable[[int], None]) -> tuple[list[Found], str]:
    if (opened := console.reach.archive) is None:
        return [], "there is no archive"
    from workers.history import in_archive  # noqa: PLC0415 - Parquet's library

    def found() -> tuple[list[Found], str]:
        with opened() as archive:
            search = in_archive.Search(archive, ALWAYS)
            return search.decisions(name, advance), f"the archive, {search.segments:,} segments"

    return in_time(LIMIT, found, "the archive does not answer")


def _in_topics(console: Console, name: str, advance: Callable[[int], None]) -> tuple[list[Found], str]:
    settings, found = console.settings, list[Found]()
    for topic, read in ((settings.decisions_topic, decision_in), (settings.dead_letters_topic, letter_in)):
        with closing(console.reach.topic(topic)) as held:
            found += Search(held, read, ALWAYS).answers(name, advance)
    return found, f"the topics {settings.decisions_topic} and {settings.dead_letters_topic}"
