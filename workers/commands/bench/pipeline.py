"""``sluice bench pipeline``: the limits of this machine, the pipeline beside them, and what lies between."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from workers.bench import options as told
from workers.bench.figures import Figures
from workers.bench.measure import Bench
from workers.bench.report import as_record, as_table
from workers.bench.watched import watched
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Screen
from workers.terminal.plain import say_json


@with_settings("kafka", "redis", "model", "images", "policies", "log")
def pipeline(
    settings: Settings,
    count: told.Count = 2000,
    width: told.Width = 1024,
    height: told.Height = 768,
    size: told.Size = 100_000,
    minutes: told.Minutes = told.MINUTES,
    kafka: told.Kafka = False,
    peers: Annotated[bool, typer.Option(help="Run what people write without Sluice, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure what this machine allows and what the pipeline makes of it, over the same images in one run.

    Efficiency is measured / bound, and the bound's arithmetic is shown. Latencies are those of an open loop. Stderr
    says what is being measured. Ctrl-C prints what has been measured by then.
    """
    budget = told.budget_of(minutes)
    images = told.made(budget, count, width, height, size)
    figures = Figures(count, sum(map(len, images)) // len(images), settings.cores, missing=budget.missing)
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
