"""``sluice dlq list``: what could not be moderated, and why."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from itertools import islice
from typing import Annotated

import typer

from pipeline.rules.dead_letters import Wanted
from pipeline.wire import dead_letter_json
from workers.dlq.filters import with_filters
from workers.dlq.found import counted, matching, spans_for, tally
from workers.dlq.lines import line_of
from workers.history.reading import size_of
from workers.services import kafka_topic
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal, told
from workers.terminal.plain import say_json


@with_settings("kafka", "topics", "log")
@with_filters
def list(  # noqa: A001 - the command's name
    settings: Settings,
    wanted: Wanted,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after that many.")] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Only count them by reason.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a dead letter.")] = False,
) -> None:
    """List dead letters, a line each, and count them by reason.

    Filters join: each that is given must hold. What is written while it reads is not waited for.
    """
    terminal, reasons = Terminal(), Counter[str]()
    with closing(kafka_topic(settings, settings.dead_letters_topic)) as topic:
        spans = spans_for(topic, wanted)
        with terminal.counting("reading dead letters", size_of(spans)) as counter:
            for found in islice(matching(topic, wanted, spans, counter.advance), limit):
                tally(reasons, found)
                if counts:
                    continue
                if as_json:
                    terminal.json(dead_letter_json(found.letter).decode())
                else:
                    terminal.print(line_of(found.letter))
    if counts and as_json:
        say_json(json.dumps({"topic": settings.dead_letters_topic, "reasons": dict(reasons.most_common())}))
    elif not as_json:
        terminal.print(told((counted(reasons), "bold")))
