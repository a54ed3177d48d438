"""``sluice tail``: decisions as they come."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from pipeline.adapters.kafka import tail as tail_topic
from pipeline.wire import Event, dead_letter_json, parse_decision, read_dead_letter
from workers.scan.report import dead_letter_line, decision_line
from workers.services import kafka_connection
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal, told


@with_settings("kafka", "topics", "log")
def tail(
    settings: Settings,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Start with what is there.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more, or end at the end.")] = True,
    flagged: Annotated[bool, typer.Option("--flagged", help="Only what a policy matched.")] = False,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="Dead letters instead of decisions.")] = False,
    image: Annotated[str | None, typer.Option(help="Only this image id.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after that many.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show decisions as they come, until Ctrl-C. Reads without a group, so it takes nothing from anybody."""
    topic = settings.dead_letters_topic if dead_letters else settings.decisions_topic
    events = tail_topic(kafka_connection(settings), topic, from_beginning=from_beginning, follow=follow)
    line_of = _letter_line if dead_letters else _decision_line
    lines = (line for event in events if (line := line_of(event, flagged=flagged, image=image, as_json=as_json)))
    terminal = Terminal()
    for line in islice(lines, limit):
        if isinstance(line, str):
            terminal.json(line)
            sys.stdout.flush()  # whoever waits for it on a pipe has it now
        else:
            terminal.print(line)


def _letter_line(event: Event, *, flagged: bool, image: str | None, as_json: bool) -> Text | str | None:
    """A record of the dead-letter topic as a line, or as JSON; None for what was not asked for."""
    letter = read_dead_letter(event)
    if flagged or image not in {None, letter.image_id}:
        return None
    return dead_letter_json(letter).decode() if as_json else dead_letter_line(letter)


def _decision_line(event: Event, *, flagged: bool, image: str | None, as_json: bool) -> Text | str | None:
    """A record of the decisions topic as a line, or as JSON; None for what was not asked for."""
    try:
        decision = parse_decision(event.value or b"")
    except ValueError as error:
        return told(f"# {event}: not a decision: {error}") if not as_json else None
    if (flagged and not decision.matches) or image not in {None, decision.image_id}:
        return None
    return msgspec.json.format(event.value or b"", indent=-1).decode() if as_json else decision_line(decision)
