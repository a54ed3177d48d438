"""``sluice bench``: the limits of this machine, the pipeline beside them, and what lies between."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.options import with_settings
from workers.settings import Settings


@with_settings("kafka", "redis", "model", "images", "policies", "log")
def bench(
    settings: Settings,
    count: Annotated[int, typer.Option("--count", "-n", min=50, help="Images to stream.")] = 2000,
    width: Annotated[int, typer.Option(min=32, help="Of the images, pixels.")] = 1024,
    height: Annotated[int, typer.Option(min=32, help="Of the images, pixels.")] = 768,
    size: Annotated[int, typer.Option(min=1000, help="Of the images, bytes, about.")] = 100_000,
    kafka: Annotated[bool, typer.Option("--kafka", help="Through Kafka too (--bootstrap-servers).")] = False,
    peers: Annotated[bool, typer.Option(help="Run what people write without Sluice, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure what this machine allows and what the pipeline makes of it, over the same images in one run.

    Efficiency is measured / bound, and the bound's arithmetic is shown. Latencies are those of an open loop.
    """
    import json

    from rich.console import Console

    from workers.bench.figures import measure
    from workers.bench.images import jpegs
    from workers.bench.report import as_record, as_table

    stderr = Console(stderr=True)
    with stderr.status("making images") as status:
        images = jpegs(count, width, height, size)
        figures = measure(settings, images, kafka=kafka, with_peers=peers, say=status.update)
    if as_json:
        typer.echo(json.dumps(as_record(figures), indent=2))
    else:
        Console(highlight=False).print(as_table(figures))
