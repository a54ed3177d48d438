"""``sluice dlq purge``: the oldest dead letters go."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.ports import Topic
from workers.dlq.asking import make_sure
from workers.dlq.purging import Purge, up_to_offsets, up_to_time
from workers.services import kafka_topic
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import WHEN, time_of
from workers.terminal.plain import say, say_json


@with_settings("kafka", "topics", "log")
def purge(
    settings: Settings,
    before: Annotated[
        str | None, typer.Option(help=f"Up to the first that was written then or later: {WHEN}.")
    ] = None,
    up_to: Annotated[
        list[str], typer.Option("--up-to", metavar="PARTITION=OFFSET", help="All that stand before that offset.")
    ] = [],  # noqa: B006 - typer copies it
    everything: Annotated[bool, typer.Option("--all", help="All that are there now.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a partition.")] = False,
) -> None:
    """Delete the oldest dead letters, for good.

    Kafka deletes whole beginnings of partitions and nothing from their middle, so no filters apply here: say up to
    where. Partitions are those of the dead-letter topic, as `sluice dlq list` shows them.
    """
    if sum((before is not None, bool(up_to), everything)) != 1:
        raise UsageError("say up to where: one of --before TIME, --up-to PARTITION=OFFSET (may be repeated) or --all")
    with closing(kafka_topic(settings, settings.dead_letters_topic)) as topic:
        purged = _plan(topic, before, up_to)
        total = sum(each.records for each in purged)
        if total and not dry_run:
            make_sure(
                f"Delete {total:,} records of {topic.name} for good?",
                yes=yes,
                otherwise=", or look first with --dry-run",
            )
            topic.delete_before({each.partition: each.before for each in purged if each.records})
    _tell(settings.dead_letters_topic, purged, dry_run=dry_run, as_json=as_json)


def _tell(topic: str, purged: list[Purge], *, dry_run: bool, as_json: bool) -> None:
    for each in purged:
        if as_json:
            say_json(json.dumps({"topic": topic, **each._asdict(), "dry_run": dry_run}))
        elif each.records:
            say(f"{topic}[{each.partition}]: {each.records:,} before offset {each.before}")
    if not as_json:
        total = sum(each.records for each in purged)
        say(f"{total:,} records {'would be ' if dry_run else ''}deleted")


def _plan(topic: Topic, before: str | None, up_to: list[str]) -> list[Purge]:
    if before is not None:
        return up_to_time(topic, time_of("--before", before, time.time()))
    return up_to_offsets(topic, up_to)
