"""``sluice bench``: the limits of this machine, the pipeline beside them, and what lies between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from workers.bench.budget import Budget
from workers.bench.figures import Figures
from workers.bench.images import jpegs
from workers.bench.measure import Bench
from workers.bench.report import as_record, as_table
from workers.bench.watched import watched
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Screen
from workers.terminal.plain import say, say_json

MINUTES = 10.0
"""Enough for every part of the bench with a small model on two cores."""


@with_settings("kafka", "redis", "model", "images", "policies", "log")
def bench(
    settings: Settings,
    count: Annotated[int, typer.Option("--count", "-n", min=50, help="Images to stream.")] = 2000,
    width: Annotated[int, typer.Option(min=32, help="Of the images, pixels.")] = 1024,
    height: Annotated[int, typer.Option(min=32, help="Of the images, pixels.")] = 768,
    size: Annotated[int, typer.Option(min=1000, help="Of the images, bytes, about.")] = 100_000,
    minutes: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="Time to take; what does not fit is left out, and named.")
    ] = MINUTES,
    kafka: Annotated[bool, typer.Option("--kafka", help="Through Kafka too (--bootstrap-servers).")] = False,
    archive: Annotated[
        bool, typer.Option("--archive", help="How fast an archive is asked, and nothing else.")
    ] = False,
    rows: Annotated[
        int, typer.Option(min=1000, help="Of that archive; 1.2 KB each, in a temporary folder.")
    ] = 200_000,
    inside: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Make that folder in this one.")
    ] = None,
    lists: Annotated[
        bool, typer.Option("--lists", help="What lists of known pictures cost, and nothing else.")
    ] = False,
    entries: Annotated[int, typer.Option(min=1, max=2_000_000, help="Of each of those lists.")] = 1_000_000,
    api: Annotated[
        bool, typer.Option("--api", help="What HTTP costs beside the path of `sluice serve`, and nothing else.")
    ] = False,
    remembering: Annotated[
        bool, typer.Option("--remembering", help="What archive = features costs an image, and nothing else.")
    ] = False,
    peers: Annotated[bool, typer.Option(help="Run what people write without Sluice, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure what this machine allows and what the pipeline makes of it, over the same images in one run.

    Efficiency is measured / bound, and the bound's arithmetic is shown. Latencies are those of an open loop. Stderr
    says what is being measured. Ctrl-C prints what has been measured by then.
    """
    if archive:
        from workers.bench.archive.run import run as run_archive  # noqa: PLC0415 - pyarrow, which the rest goes without

        run_archive(rows, inside, as_json=as_json)
        return
    if lists:
        from workers.bench.known import run as run_known  # noqa: PLC0415 - what the rest goes without

        run_known(entries, as_json=as_json)
        return
    budget = Budget(60 * minutes, lambda line: say(f"sluice bench: {line}", err=True))
    budget.say(f"making {count} images")
    images = jpegs(count, width, height, size)
    if api:
        from workers.bench.api.run import run as run_api  # noqa: PLC0415 - a web server, which the rest goes without

        run_api(settings, images, budget, as_json=as_json)
        return
    figures = Figures(count, sum(map(len, images)) // len(images), settings.cores, missing=budget.missing)
    if remembering:
        from workers.bench.remembering import run as run_remembering  # noqa: PLC0415 - what the rest goes without

        run_remembering(settings, images, budget, kafka=kafka, as_json=as_json)
        return
    run = Bench(settings, images, figures, budget, kafka=kafka, with_peers=peers)

    def show() -> None:
        if figures.forwards:
            _print(figures, as_json=as_json)

    watched(run.run, budget, show)


def _print(figures: Figures, *, as_json: bool) -> None:
    if as_json:
        say_json(json.dumps(as_record(figures), indent=2))
    else:
        Screen().print(as_table(figures))
