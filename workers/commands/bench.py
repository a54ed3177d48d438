"""``sluice bench``: the limits of this machine, the pipeline beside them, and what lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workers.options import with_settings
from workers.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from workers.bench.limits import Cost
    from workers.bench.streams import Clockwork


@with_settings("kafka", "model", "images", "policies", "log")
def bench(
    settings: Settings,
    count: Annotated[int, typer.Option("--count", "-n", min=50, help="Images to stream.")] = 2000,
    width: Annotated[int, typer.Option(min=32, help="Of the images, pixels.")] = 1024,
    height: Annotated[int, typer.Option(min=32, help="Of the images, pixels.")] = 768,
    size: Annotated[int, typer.Option(min=1000, help="Of the images, bytes, about.")] = 100_000,
    kafka: Annotated[bool, typer.Option("--kafka", help="Through Kafka too (--bootstrap-servers).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure the bare forward pass, decode alone, and the pipeline over the same images, in one run.

    efficiency = measured / bound, where bound = cores / (CPU seconds of one forward pass + of one decode).
    """
    import json

    from rich.console import Console

    from workers import assembly
    from workers.bench import limits, streams
    from workers.bench.images import jpegs

    stderr = Console(stderr=True)
    with stderr.status("loading the model") as status:
        model = assembly.load_model(settings)
        status.update("making images")
        images = jpegs(count, width, height, size)
        status.update("measuring the forward pass")
        forward = limits.forward(model.encoder, settings.max_batch)
        status.update("measuring decode and preprocessing")
        decode = limits.decode(model.decoder, images[:200])
        status.update("streaming through memory")
        runs = {"memory": streams.through_memory(settings, model, images)}
        if kafka:
            status.update("streaming through Kafka")
            runs["kafka"], sent = streams.through_kafka(settings, model, images)
    figures = {
        "images": count,
        "mean_bytes": sum(map(len, images)) // count,
        "model": model.encoder.spec.name,
        "dtype": model.encoder.spec.dtype,
        "forward": _cost(forward),
        "decode_one_thread": _cost(decode),
        **{name: _run(run, forward, decode, settings.cores) for name, run in runs.items()},
    }
    if kafka:
        figures["kafka_publish_beforehand"] = _cost(sent)
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
    else:
        Console(highlight=False).print(_table(figures, forward, decode))


def _cost(cost: Cost) -> dict[str, float]:
    return {"images_per_second": round(cost.rate, 1), "cpu_ms_per_image": round(cost.cpu_each * 1000, 3)}


def _run(run: Clockwork, forward: Cost, decode: Cost, cores: int) -> dict[str, Any]:
    cost = run.cost()
    bound = cores / (forward.cpu_each + decode.cpu_each)
    return {
        **_cost(cost),
        "bound_images_per_second": round(bound, 1),
        "efficiency": round(cost.rate / bound, 3),
        "cpu_ms_in_neither": round((cost.cpu_each - forward.cpu_each - decode.cpu_each) * 1000, 3),
        "stage_ms_per_image": {name: round(total / cost.images * 1000, 3) for name, total in run.stages.items()},
    }


def _table(figures: dict[str, Any], forward: Cost, decode: Cost) -> Table:
    from rich.table import Table

    title = f"{figures['images']} JPEGs of {figures['mean_bytes']:,} bytes, {figures['model']} {figures['dtype']}"
    table = Table(
        "", "images/s", "CPU ms/image", "in neither", "efficiency", title=title, title_justify="left", box=None
    )
    table.add_row("forward pass alone", f"{forward.rate:.0f}", f"{forward.cpu_each * 1000:.2f}")
    table.add_row("decode+preprocess alone, one thread", f"{decode.rate:.0f}", f"{decode.cpu_each * 1000:.2f}")
    for name in ("memory", "kafka"):
        if run := figures.get(name):
            bound = f"{run['efficiency']:.2f} of {run['bound_images_per_second']:.0f}"
            spent = (
                f"{run['images_per_second']:.0f}",
                f"{run['cpu_ms_per_image']:.2f}",
                f"{run['cpu_ms_in_neither']:.2f}",
            )
            table.add_row(f"pipeline through {name}", *spent, bound)
    return table
