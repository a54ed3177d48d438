"""What it takes to look at a decided event again: the same model, and the event, or what the archive kept of it."""

from __future__ import annotations

from pipeline.archive.archive import SIGNALS, Archive
from pipeline.archive.lookup import events_called, newest_first
from pipeline.errors import ServiceError, UsageError
from pipeline.items import Item
from pipeline.signals import Provenance, Signals
from pipeline.wire import Decision, Event
from workers.history.events import Events


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
