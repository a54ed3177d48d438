"""``sluice dlq save``: a dead letter's bytes into a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.rules.dead_letters import Wanted
from workers.dlq.found import Found, matching, spans_for, unknown
from workers.dlq.originals import Originals
from workers.dlq.saving import place_for, write_new
from workers.history.reading import size_of
from workers.services import kafka_topic
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import one_line, say, say_json

EXIT_UNSAVED = 1


@with_settings("kafka", "topics", "log")
def save(
    settings: Settings,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="Event id, image id or place, such as TOPIC[0]@5.")],
    file: Annotated[Path, typer.Argument(help="File to write, or a folder for as many as have that id.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
) -> int:
    """Write the value of a dead letter to a file, byte for byte.

    A value that the dead-letter topic did not take is looked up in the images topic. Exit status 1: it is not there
    any more. Mind what you open it with: the file is what a stranger sent, and a decoder has failed at it.
    """
    terminal, wanted = Terminal(), Wanted(id=letter_id)
    with ExitStack() as held:
        topic = held.enter_context(closing(kafka_topic(settings, settings.dead_letters_topic)))
        originals = held.enter_context(closing(Originals(lambda name: kafka_topic(settings, name))))
        spans = spans_for(topic, wanted)
        with terminal.counting("looking for it", size_of(spans)) as counter:
            every = matching(topic, wanted, spans, counter.advance)
            found = every if file.is_dir() else iter(_only(every, letter_id))
            saved = [_save(each, originals, file, force=force, as_json=as_json) for each in found]
        if not saved:
            raise unknown(topic, letter_id)
    return 0 if all(saved) else EXIT_UNSAVED


def _only(every: Iterator[Found], letter_id: str) -> list[Found]:
    """The one that there is, or none. Raises `UsageError` where there are more."""
    first = [*islice(every, 2)]
    if len(first) > 1:
        raise UsageError(
            f"several dead letters are called {one_line(letter_id)}: name a folder that is there, or one of them by"
            f" its place, such as {first[0].letter.stored}"
        )
    return first


def _save(found: Found, originals: Originals, file: Path, *, force: bool, as_json: bool) -> bool:
    event = found.record if found.letter.foreign else originals.event_of(found)
    value = None if event is None else event.value
    if value is None:
        say(f"sluice: {found.letter.stored}: there is no value, or it has gone from the images topic since", err=True)
        return False
    path = place_for(file, found.record, value)
    write_new(path, value, force=force)
    if as_json:
        say_json(json.dumps({"file": str(path), "bytes": len(value), "stored": str(found.letter.stored)}))
    else:
        say(f"{one_line(str(path))}: {len(value):,} bytes")
    return True
