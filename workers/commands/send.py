"""``sluice send``: feed pictures into the images topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import ServiceError
from workers.options import with_settings
from workers.settings import Settings

if TYPE_CHECKING:
    from pipeline.wire import Record


@with_settings("kafka", "topics", "log")
def send(
    settings: Settings,
    paths: Annotated[list[str], typer.Argument(help="Files, folders (searched all the way down) and globs.")],
    repeat: Annotated[int, typer.Option(min=1, help="Send everything that many times.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON summary.")] = False,
) -> None:
    """Publish pictures to the images topic, the path as image id; returns once the broker has them all."""
    import json
    from contextlib import closing
    from time import monotonic

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pipeline.adapters.kafka import check_topics, publish_stream
    from workers.commands.scan import expand
    from workers.services import kafka_connection, kafka_publisher

    found = expand(paths)
    check_topics(kafka_connection(settings), [settings.images_topic])
    stderr = Console(stderr=True)
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started = monotonic()
    with (
        closing(kafka_publisher(settings)) as publisher,
        Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as progress,
    ):
        task = progress.add_task("send", total=len(found) * repeat)
        records = _records(found, repeat, settings.images_topic)
        sent = publish_stream(publisher, records, on_ack=lambda _: progress.advance(task))
    seconds = monotonic() - started
    if as_json:
        typer.echo(json.dumps({"sent": sent, "topic": settings.images_topic, "seconds": round(seconds, 3)}))
    else:
        typer.echo(f"{sent} images sent to {settings.images_topic} in {seconds:.1f} s; see them with: sluice tail")


def _records(paths: list[Path], repeat: int, topic: str) -> Iterator[Record]:
    from pipeline.wire import Record

    for turn in range(repeat):
        for path in paths:
            try:
                image = path.read_bytes()
            except OSError as error:
                raise ServiceError(f"{path} cannot be read: {error.strerror}") from error
            name = str(path) if repeat == 1 else f"{path}#{turn + 1}"
            yield Record(topic, name.encode(), image)
