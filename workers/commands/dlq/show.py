"""``sluice dlq show``: one dead letter, looked at closely."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import msgspec
import typer

from pipeline.rules.dead_letters import Wanted
from pipeline.wire import dead_letter_json
from workers.dlq.found import Found, matching, spans_for, unknown
from workers.dlq.lines import SHOWN_BYTES, page_of
from workers.history.reading import size_of
from workers.services import kafka_topic
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal


@with_settings("kafka", "topics", "log")
def show(
    settings: Settings,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="Event id, image id or place, such as TOPIC[0]@5.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a dead letter.")] = False,
) -> None:
    """Show all there is to know of a dead letter: the error, the headers, and the first of its bytes.

    Where several have that id, such as those of an event that failed again after a replay, each is shown. Nothing is
    decoded: what an image's header says is read, and no more.
    """
    terminal, wanted = Terminal(), Wanted(id=letter_id)
    shown = 0
    with closing(kafka_topic(settings, settings.dead_letters_topic)) as topic:
        spans = spans_for(topic, wanted)
        with terminal.counting("looking for it", size_of(spans)) as counter:
            for found in matching(topic, wanted, spans, counter.advance):
                shown += 1
                if as_json:
                    terminal.json(_json(found))
                    continue
                for line in page_of(found):
                    terminal.print(line)
        if not shown:
            raise unknown(topic, letter_id)


def _json(found: Found) -> str:
    """The dead letter's own object, with its headers, and its first bytes in hex."""
    letter = msgspec.json.decode(dead_letter_json(found.letter))
    headers = [
        [
            name.encode("utf-8", "backslashreplace").decode(),
            None if value is None else value.decode("utf-8", "backslashreplace"),
        ]
        for name, value in found.record.headers
    ]
    value = (found.record.value or b"")[:SHOWN_BYTES].hex()
    return msgspec.json.encode({**letter, "headers": headers, "value_starts_with": value}).decode()
