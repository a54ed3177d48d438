"""``sluice tail``: decisions as they come, and as they came."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Annotated

import typer
from rich.text import Text

from pipeline.adapters.kafka import tail as tail_topic
from pipeline.errors import UsageError
from pipeline.rules.decisions import Asked
from pipeline.rules.times import Window
from pipeline.wire import Event, parse_decision, read_dead_letter
from workers.commands.options import known_verdicts
from workers.history.lines import (
    archived_object,
    archived_text,
    decision_object,
    decision_text,
    letter_object,
    letter_text,
)
from workers.history.reading import advancing, size_of, spans_within
from workers.services import kafka_connection, kafka_topic
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import WHEN, window_of
from workers.terminal.console import Terminal, told
from workers.terminal.plain import one_line

Follow = Annotated[
    bool | None,
    typer.Option("--follow/--no-follow", help="Wait for more (default), or end at the end.", show_default=False),
]
MinScore = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Only with that score or more, under --policy or else under any."),
]
ToReview = Annotated[
    bool, typer.Option("--to-review", help="Only what people should look at: verdict review, and what was drawn.")
]
Listed = Annotated[
    str | None,
    typer.Option("--archive", metavar="FOLDER|s3://...|gs://...|az://...", help="List an archive, not a topic."),
]


@with_settings("kafka", "topics", "store", "log")
def tail(
    settings: Settings,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Start with what is there.")] = False,
    since: Annotated[str | None, typer.Option(help=f"Start with what was written since then: {WHEN}.")] = None,
    until: Annotated[str | None, typer.Option(help="End with what was written before then.")] = None,
    follow: Follow = None,
    flagged: Annotated[bool, typer.Option("--flagged", help="Only what a policy matched.")] = False,
    policy: Annotated[str | None, typer.Option(help="Only what this policy matched, in shadow too.")] = None,
    verdict: Annotated[list[str], typer.Option(help="Only of this verdict; may be repeated.")] = [],  # noqa: B006
    min_score: MinScore = None,
    to_review: ToReview = False,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="Dead letters instead of decisions.")] = False,
    image: Annotated[str | None, typer.Option(help="Only this image id.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after that many.")] = None,
    archive: Listed = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show decisions as they come, until Ctrl-C. Reads without a group, so it takes nothing from anybody.

    With --since it begins in the past, and with --until it ends there: Kafka finds where, and no more is read. Each
    line begins with when the decision was written, and with its partition and offset.

    With --archive it needs no Kafka, and ends: day by day, each day by time as far as its partitions were written in
    that order, as first decided (sluice decision knows redecide's). Lines begin with when that was, and with the
    event's partition and offset. Exit status 0, also where nothing is found.
    """
    window = window_of(since, until)
    asked = Asked(flagged, image, policy, known_verdicts(verdict), min_score, to_review, window)
    if dead_letters and asked.of_policies:
        raise UsageError("dead letters have no verdict, matches or scores: leave out what asks for them")
    if from_beginning and since is not None:
        raise UsageError("--from-beginning and --since name two beginnings: say one of them")
    terminal = Terminal()
    if archive is not None:
        if follow or from_beginning or dead_letters:
            raise UsageError("--archive ends by itself: leave out --follow, --from-beginning and --dead-letters")
        with closing(_archived(settings, terminal, archive, asked, as_json=as_json)) as lines:
            if not _show(terminal, islice(lines, limit)):
                terminal.note(f"sluice: nothing in the archive {one_line(archive)} is meant by this")
        return
    topic = settings.dead_letters_topic if dead_letters else settings.decisions_topic
    line_of = _letter_line if dead_letters else _decision_line
    beginning, ends = from_beginning or (until is not None and since is None), until is not None or follow is False
    with _records(settings, topic, window, terminal, beginning=beginning, ends=ends) as records:
        found = (line for record in records if (line := line_of(record, asked, as_json=as_json)))
        _show(terminal, islice(found, limit))


def _show(terminal: Terminal, lines: Iterable[Text | str]) -> int:
    """Print each as it comes, and return how many there were."""
    count = 0
    for count, line in enumerate(lines, 1):  # noqa: B007 - the last one is returned
        if isinstance(line, str):
            terminal.json(line)
            sys.stdout.flush()  # whoever waits for it on a pipe has it now
        else:
            terminal.print(line)
    return count


def _archived(
    settings: Settings, terminal: Terminal, address: str, asked: Asked, *, as_json: bool
) -> Generator[Text | str, None, None]:
    """The lines of what an archive holds. Raises `ServiceError` where that is no archive, or has no rows at all."""
    from workers.archive.opening import nothing_in, opened_archive  # noqa: PLC0415 - pyarrow, which topics need not
    from workers.archive.reading import reading  # noqa: PLC0415
    from workers.history.in_segments import decisions_by_time  # noqa: PLC0415

    with opened_archive(settings, address) as archive:
        segments = archive.segments(asked.window)
        if not segments and not archive.segments():
            raise nothing_in(archive, asked.window)
        with reading(terminal, f"reading {archive.store.address}", segments) as advance:
            for decision, said in decisions_by_time(archive, segments, asked, advance):
                yield archived_object(decision, said) if as_json else archived_text(decision)


@contextmanager
def _records(
    settings: Settings, topic: str, window: Window, terminal: Terminal, *, beginning: bool, ends: bool
) -> Iterator[Iterator[Event]]:
    """The topic's records of the window at least; without `ends` it waits for more."""
    if not ends:
        connection = kafka_connection(settings)
        with closing(tail_topic(connection, topic, from_beginning=beginning, since=window.since)) as records:
            yield records
        return
    with closing(kafka_topic(settings, topic)) as held:
        spans = spans_within(held, window) if beginning or window.since is not None else {}
        with terminal.counting(f"reading {topic}", size_of(spans)) as counter:
            yield advancing(held.read(spans), counter.advance)


def _letter_line(record: Event, asked: Asked, *, as_json: bool) -> Text | str | None:
    """A record of the dead-letter topic as a line, or as JSON; None for what was not asked for."""
    if asked.image not in {None, read_dead_letter(record).image_id} or not asked.window.holds(record.timestamp):
        return None
    return letter_object(record) if as_json else letter_text(record)


def _decision_line(record: Event, asked: Asked, *, as_json: bool) -> Text | str | None:
    """A record of the decisions topic as a line, or as JSON; None for what was not asked for."""
    try:
        decision = parse_decision(record.value or b"")
    except ValueError as error:
        return None if as_json else told(f"# {record}: not a decision: {error}")
    if not asked.means(decision, record.timestamp):
        return None
    return decision_object(record) if as_json else decision_text(record, decision)
