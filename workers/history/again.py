"""What it takes to look at a decided event again: the same model, and the event, or what the archive kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event as Flag

from pipeline.archive.archive import SIGNALS, Archive
from pipeline.archive.lookup import events_called, newest_first
from pipeline.errors import ServiceError, UsageError
from pipeline.items import Item
from pipeline.ports import Fetcher, Hooks, Source
from pipeline.signals import Provenance, Signals
from pipeline.wire import Answer, Decision, Event
from workers import assembly
from workers.history.events import Events
from workers.settings import Settings


def check_model(before: Decision, here: Provenance, doing: str) -> None:
    """Raise `UsageError` where it was decided with another model, or with pixels that were made otherwise.

    Its scores would be others; another dtype moves only their last digits. `doing` is what the command does to it.
    """
    then = before.model
    told = {
        "model": (f"{then.name}@{then.fingerprint}", f"{here.model.name}@{here.model.fingerprint}"),
        "preprocessing": (before.preprocess, here.preprocess),
    }
    differing = [f"{name} {was}, and here it is {now}" for name, (was, now) in told.items() if was != now]
    if differing:
        raise UsageError(
            f"{before.decision_id} was decided with the {'; the '.join(differing)}: {doing} it with the settings"
            " of the worker that decided it (--model, --pretrained, --preprocess, --coverage)"
        )


class _Kept(Hooks):
    """A publisher that keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def publish(self, answers: Sequence[Answer]) -> None:
        self.answers += answers

    def close(self) -> None:
        """There is nothing to free."""


def answered(
    settings: Settings,
    judge: assembly.Judge,
    source: Source,
    fetcher: Fetcher,
    done: Flag,
    now: Callable[[], float] = time.time,
) -> Sequence[Answer]:
    """What the very path that moderates a stream answers to all that the source has, until `done`."""
    kept = _Kept()
    with assembly.moderator(settings, judge, source, kept, fetcher, kept, in_order=True, now=now) as moderator:
        moderator.run(done)
    return kept.answers


def event_of(events: Events, before: Decision) -> tuple[Event | None, str]:
    """The very event; or None, and why it is not there."""
    try:
        event = events.at(before.source)
    except ServiceError as error:
        return None, str(error)
    if event is None:
        return None, f"there is no event at {before.source} any more"
    if Item(event).event_id != before.event_id:
        return None, f"another event stands at {before.source}: the topic was made anew"
    return event, ""


def archived_signals(archive: Archive, event_id: str) -> Signals | None:
    """What the archive kept of that event; None where it kept nothing."""
    segments = newest_first(archive.segments())
    found = next(events_called(archive, segments, {event_id}, SIGNALS), None)
    return None if found is None else found[0].signals([found[1]])[0]
