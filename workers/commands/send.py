"""``sluice send``: feed pictures into the images topic."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic
from typing import Annotated

import typer

from pipeline.adapters.kafka import check_topics, write_stream
from pipeline.disk import read_file
from pipeline.errors import ItemError, UsageError
from pipeline.wire import Record
from workers.commands.options import NameSkipped, Pictures
from workers.process.interrupts import keeping
from workers.scan.named import NAMED, Named, Skipped
from workers.services import kafka_connection, kafka_writer
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import one_line, say, say_json

LARGEST = 60 * 1024 * 1024
"""Bytes of the largest picture that Kafka is tried with; its own limit is the topic's ``max.message.bytes``."""
EXIT_UNREAD = 2


@with_settings("kafka", "topics", "log")
def send(
    settings: Settings,
    paths: Pictures,
    repeat: Annotated[int, typer.Option(min=1, help="Send everything that many times.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary.")] = False,
    name_skipped: NameSkipped = False,
) -> int:
    """Publish pictures to the images topic, the path as image id; returns once the broker has them all.

    Exit status 2: something could not be read, and was not sent; everything else was.
    """
    terminal, skipped = Terminal(), Skipped(None if name_skipped else NAMED)
    named, sending = Named(paths, skipped), _Sending(settings.images_topic, terminal)
    check_topics(kafka_connection(settings), [], writes=[settings.images_topic])
    started = monotonic()
    with (
        closing(kafka_writer(settings)) as writer,
        terminal.counting("sending") as counter,
        keeping(lambda: f"interrupted: {sending}"),
    ):
        records = sending.records(named, repeat, counter.of)
        write_stream(writer, records, on_ack=sending.acknowledging(counter.advance))
    seconds = monotonic() - started
    for line in skipped.lines():
        terminal.note(line)
    if not sending.acknowledged and not sending.unread:
        raise UsageError("nothing to send")
    if as_json:
        counts = {"sent": sending.acknowledged, "unread": len(sending.unread), "skipped": skipped.count}
        say_json(json.dumps({**counts, "topic": settings.images_topic, "seconds": round(seconds, 3)}))
    else:
        say(f"{sending} in {seconds:.1f} s; see them with: sluice tail")
    return EXIT_UNREAD if sending.unread or skipped.barren else 0


@dataclass
class _Sending:
    topic: str
    terminal: Terminal
    acknowledged: int = 0
    unread: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.acknowledged} images sent to {self.topic}"

    def acknowledging(self, advance: Callable[[], object]) -> Callable[[Record], None]:
        """What the writer calls for each record that the broker has acknowledged."""

        def acknowledged(_: Record) -> None:
            self.acknowledged += 1
            advance()

        return acknowledged

    def records(self, named: Named, repeat: int, of: Callable[[int], object]) -> Iterator[Record]:
        """A record for each file and turn; `of` is told in the end how many there are."""
        count = 0
        for turn in range(repeat):
            for path in named:
                record = None if path is None else self._record(path, "" if repeat == 1 else f"#{turn + 1}")
                if record is not None:
                    count += 1
                    yield record
        of(count)

    def _record(self, path: str, suffix: str) -> Record | None:
        """The record of a file; None for one that cannot be read, which is named once."""
        if path in self.unread:
            return None
        try:
            return Record(self.topic, os.fsencode(path + suffix), read_file(path, LARGEST))
        except ItemError as error:
            self.unread.add(path)
            self.terminal.note(f"not sent: {one_line(path)}: {error}")
            return None
