"""Two policies side by side: by what an archive keeps, or by the decisions topic."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import closing

from pipeline.archive.archive import Archive
from pipeline.errors import ServiceError
from pipeline.lab.comparing.blocks import COLUMNS, EVERY_COLUMN, Comparing, with_pictures
from pipeline.lab.comparing.record import Comparison
from pipeline.lab.comparing.tally import Tally
from pipeline.rules.times import Window
from pipeline.wire import Decision, Event, parse_decision
from workers.archive.opening import opened_archive, segments_in
from workers.archive.reading import reading
from workers.history.reading import advancing, size_of, spans_within
from workers.policies.named import meant
from workers.services import kafka_topic
from workers.settings import Settings
from workers.terminal.console import Terminal

REMEMBERED = 100_000
"""Events by which a decision that was published again is known: it comes soon after the first."""


def in_archive(settings: Settings, address: str | None, window: Window, tally: Tally) -> Comparison:
    """What the archive's decisions say, with its pictures. Raises `ServiceError` where none has scores of both."""
    terminal = Terminal()
    with opened_archive(settings, address) as archive:
        segments = segments_in(archive, window)
        local = archive.store.local(segments[0].path) is not None
        comparing = Comparing(tally)
        with reading(terminal, "comparing", segments) as advance:
            for block in archive.blocks(segments, COLUMNS if local else EVERY_COLUMN, window):
                comparing.take(block)
                advance(block)
        return _pictured(_found(tally, archive.store.address), archive)


def in_topic(settings: Settings, window: Window, tally: Tally) -> Comparison:
    """What the decisions topic holds. Raises `ServiceError` where no decision has scores of both."""
    terminal, name = Terminal(), settings.decisions_topic
    with closing(kafka_topic(settings, name)) as topic:
        spans = spans_within(topic, window)
        with terminal.counting(f"reading {name}", size_of(spans)) as counter:
            for decision in once(decisions(advancing(topic.read(spans), counter.advance), window)):
                tally.add_decision(decision)
    return _found(tally, name)


def decisions(records: Iterable[Event], window: Window) -> Iterator[Decision]:
    """The decisions among the records that were written within the window."""
    for record in records:
        if window.holds(record.timestamp):
            try:
                yield parse_decision(record.value or b"")
            except ValueError:
                continue


def once(found: Iterable[Decision]) -> Iterator[Decision]:
    """The same, without those that were published again."""
    seen: OrderedDict[str, None] = OrderedDict()
    for decision in found:
        name = decision.event_id or decision.decision_id
        if name in seen:
            continue
        seen[name] = None
        if len(seen) > REMEMBERED:
            seen.popitem(last=False)
        yield decision


def _pictured(found: Comparison, archive: Archive) -> Comparison:
    return with_pictures(found, archive) if found.only_a or found.only_b else found


def _found(tally: Tally, source: str) -> Comparison:
    found = tally.whole(source)
    if found.cells.images:
        return found
    missing = [each for each in (tally.a, tally.b) if each not in tally.known]
    if not tally.known:
        raise ServiceError(f"there is no decision in {source} to compare {tally.a} and {tally.b} by")
    there = f"scored are {', '.join(sorted(tally.known))}"
    if missing:
        hints = "".join(f"{each}: {hint} " for each in missing if (hint := meant(each, sorted(tally.known))))
        raise ServiceError(f"{hints}no decision in {source} has a score of {' or '.join(missing)}; {there}")
    raise ServiceError(
        f"no decision in {source} has scores of both {tally.a} and {tally.b}: they were never there together"
    )
