"""The bench's figures as a table for a person and as one object for a machine; both say how a bound came about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from workers.bench.figures import Figures
from workers.bench.limits import Cost
from workers.bench.rounds import Bound, Streamed

_MS = 1000
_US = 1_000_000
_MIB = 1 << 20

_TO_IDEAL = ("p50_to_ideal", "p99_to_ideal", "p50_to_rested", "p99_to_rested")


def as_record(figures: Figures) -> dict[str, Any]:
    """The object that ``--json`` prints; rates are images a second, times as their names say.

    What was not measured is not in it, and ``missing`` says why.
    """
    parts = (_of_streams, _of_memory, _of_what_is_beside, _of_processes)
    record: dict[str, Any] = {
        "images": figures.images,
        "mean_bytes": figures.mean_bytes,
        "views_per_image": round(figures.views, 3),
        "model": figures.model,
        "dtype": figures.dtype,
        "cores": figures.cores,
        "forward": [{"dtype": each.dtype, "batch": each.batch, **_cost(each.cost)} for each in figures.forwards],
        "missing": figures.missing,
    }
    for part in parts:
        record |= part(figures)
    return record


def _of_streams(figures: Figures) -> dict[str, Any]:
    memory, null, kafka = figures.memory, figures.null, figures.kafka
    if memory is None or null is None:
        return {}
    beside = [round(each.null.beside_decode * _US, 1) for each in figures.rounds]
    record: dict[str, Any] = {
        "memory": _streamed(memory, [each.memory for each in figures.rounds]),
        "null_encoder": {
            **_cost(null.run.cost()),
            "cpu_us_beside_decode": round(null.beside_decode * _US, 1),
            "cpu_us_beside_decode_of_rounds": beside,
            "decode_cpu_ms_per_image": round(null.decode.cpu_each * _MS, 3),
        },
    }
    if kafka is not None:
        record["kafka"] = _streamed(kafka, [each.kafka for each in figures.rounds if each.kafka is not None])
    return record


def _of_memory(figures: Figures) -> dict[str, Any]:
    """Images seen before, and latencies: they are streamed through memory, too."""
    record: dict[str, Any] = {}
    memory = figures.memory
    if figures.repeats is not None and memory is not None:
        record["repeats"] = {
            **_cost(figures.repeats),
            "times_cold": round(figures.repeats.rate / _rate(memory), 1),
        }
    record["latency"] = [
        {
            "load": each.share,
            "images_per_second": round(each.rate, 1),
            **{name: round(getattr(each, name) * _MS, 1) for name in ("p50", "p95", "p99")},
            **{name: round(getattr(each, name), 2) for name in _TO_IDEAL},
        }
        for each in figures.latencies
    ]
    return record


def _of_what_is_beside(figures: Figures) -> dict[str, Any]:
    record: dict[str, Any] = {}
    if figures.prompts is not None:
        share = round(figures.prompts.share, 4)
        record["prompts_10000"] = {"batch": figures.prompts.batch, "share_of_scoring": share}
    if figures.warm is not None:
        record["prompts_1000_in_redis"] = {
            "connect_to_ready_ms": round(figures.warm.ready * _MS, 1),
            "parse_ms": round(figures.warm.parse * _MS, 1),
        }
    return record


def _of_processes(figures: Figures) -> dict[str, Any]:
    memory = figures.memory
    record: dict[str, Any] = {
        "peers": {
            name: {**_cost(cost), **({"times": round(_rate(memory) / cost.rate, 2)} if memory else {})}
            for name, cost in figures.peers.items()
        },
        "peak_mib": figures.peak_bytes // _MIB,
    }
    if figures.start is not None:
        ours, yardstick = figures.start
        record["start_to_first_decision"] = {
            "seconds": round(ours.seconds, 2),
            "times_import_open_clip": round(ours.seconds / yardstick.seconds, 2),
            "peak_mib": ours.peak_bytes // _MIB,
        }
    return record


def arithmetic(bound: Bound) -> str:
    """How the bound comes about: its formula with the figures in it."""
    forward, client = bound.forward, bound.client
    rest = [f"decode {bound.decode.cpu_each * _MS:.2f} ms"]
    if client is not None:
        rest += [f"publish {client.publish.cpu_each * _MS:.2f} ms", f"fetch {client.fetch.cpu_each * _MS:.2f} ms"]
    if bound.apart:
        device = f"{forward.cost.rate:.0f}/s forward" + ("" if bound.views == 1 else f" / {bound.views:.3g} views")
        return f"the lesser of {device} and {bound.cores} cores / ({' + '.join(rest)})"
    times = "" if bound.views == 1 else f" x {bound.views:.3g} views"
    of_model = f"forward {forward.cost.cpu_each * _MS:.2f} ms ({forward.dtype}, batch {forward.batch}){times}"
    return f"{bound.cores} cores / ({' + '.join([of_model, *rest])} of CPU)"


def as_table(figures: Figures) -> Group:
    """What a person reads: all that was measured, and at the end what was not."""
    views = "" if figures.views == 1 else f" of {figures.views:.3g} views"
    title = f"{figures.images} JPEGs{views} of {figures.mean_bytes:,} bytes, {figures.model} {figures.dtype}"
    parts: list[RenderableType] = [_throughput(figures, title)]
    if figures.latencies:
        parts += ["", _latency(figures)]
    parts += ["", _rest(figures)]
    if figures.missing:
        parts += ["", *figures.missing]
    return Group(*parts)


def _throughput(figures: Figures, title: str) -> Table:
    table = _table("", "images/s", "CPU ms/image", "efficiency", title=title)
    for each in figures.forwards:
        unit = "" if figures.views == 1 else ", a view"
        table.add_row(f"forward pass alone{unit}, {each.dtype}, batch {each.batch}", *_pair(each.cost))
    memory, kafka = figures.memory, figures.kafka
    if memory is not None:
        table.add_row(f"decode+preprocess alone, {figures.cores} threads", *_pair(memory.bound.decode))
        table.add_row(f"bound = {arithmetic(memory.bound)}", f"{memory.bound.rate:.0f}")
        spread = _spread(each.memory for each in figures.rounds)
        table.add_row("pipeline through memory", *_pair(memory.run.cost()), f"{memory.efficiency:.2f} {spread}")
    if kafka is not None:
        _kafka_rows(table, kafka, _spread(each.kafka for each in figures.rounds if each.kafka is not None))
    if figures.null is not None:
        table.add_row("pipeline with a model that costs nothing", *_pair(figures.null.run.cost()))
    if figures.repeats is not None:
        table.add_row("images seen before", *_pair(figures.repeats))
    for name, cost in figures.peers.items():
        times = f"{_rate(memory) / cost.rate:.1f}x slower than memory" if memory is not None else ""
        table.add_row(f"{_PEERS[name]}, float32", *_pair(cost), times)
    return table


def _kafka_rows(table: Table, kafka: Streamed, spread: str) -> None:
    if kafka.bound.client is not None:
        table.add_row("Kafka publish alone", *_pair(kafka.bound.client.publish))
        table.add_row("Kafka fetch alone", *_pair(kafka.bound.client.fetch))
    table.add_row(f"bound = {arithmetic(kafka.bound)}", f"{kafka.bound.rate:.0f}")
    table.add_row("pipeline through Kafka", *_pair(kafka.run.cost()), f"{kafka.efficiency:.2f} {spread}")


def _spread(rounds: Iterable[Streamed]) -> str:
    """The efficiency of the least and of the most efficient round."""
    found = sorted(each.efficiency for each in rounds)
    return f"({found[0]:.2f} to {found[-1]:.2f})"


_PEERS = {
    "tutorial": "a tutorial's loop, one image at a time",
    "dataloader": "a DataLoader's loop, batch 32",
}


def _latency(figures: Figures) -> Table:
    ideal, rested = "p50, p99 to an ideal batcher's", "to one on cores that rest as often"
    table = _table("load", "images/s", "p50 ms", "p95 ms", "p99 ms", ideal, rested)
    for each in figures.latencies:
        table.add_row(
            f"{each.share:.0%} of capacity, open loop",
            f"{each.rate:.0f}",
            *(f"{value * _MS:.0f}" for value in (each.p50, each.p95, each.p99)),
            f"{each.p50_to_ideal:.2f}, {each.p99_to_ideal:.2f}",
            f"{each.p50_to_rested:.2f}, {each.p99_to_rested:.2f}",
        )
    return table


def _rest(figures: Figures) -> Table:
    table = _table("", "")
    for name, value in _rest_rows(figures):
        table.add_row(name, value)
    return table


def _rest_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    memory, null = figures.memory, figures.null
    if memory is not None and null is not None:
        yield "CPU in neither forward nor decode, through memory", f"{memory.in_neither * _MS:.2f} ms an image"
        beside = sorted(each.null.beside_decode * _US for each in figures.rounds)
        spread = f"({beside[0]:.0f} to {beside[-1]:.0f})"
        yield (
            "our CPU beside decode, model that costs nothing",
            f"{null.beside_decode * _US:.0f} us an image {spread}",
        )
    if figures.prompts is not None:
        yield "scoring against 10,000 prompts", f"{figures.prompts.share:.1%} of it and the forward pass"
    if figures.warm is not None:
        yield "1,000 prompts that Redis knows, connect to ready", f"{figures.warm.ready * _MS:.1f} ms"
    ours_alone = ""
    if figures.start is not None:
        ours, yardstick = figures.start
        times = ours.seconds / yardstick.seconds
        yield "start to first decision", f"{ours.seconds:.1f} s, {times:.2f} times importing open_clip"
        ours_alone = f"{ours.peak_bytes / _MIB:.0f} MiB to judge one image, "
    yield "peak memory", f"{ours_alone}{_mib(figures)} here"


def _mib(figures: Figures) -> str:
    return f"{figures.peak_bytes / _MIB:.0f} MiB"


def _table(*columns: str, title: str | None = None) -> Table:
    return Table(*columns, title=title, title_justify="left", box=None)


def _pair(cost: Cost) -> tuple[str, str]:
    return f"{cost.rate:.0f}", f"{cost.cpu_each * _MS:.2f}"


def _rate(streamed: Streamed) -> float:
    return streamed.run.cost().rate


def _cost(cost: Cost) -> dict[str, float]:
    return {"images_per_second": round(cost.rate, 1), "cpu_ms_per_image": round(cost.cpu_each * _MS, 3)}


def _streamed(middle: Streamed, rounds: Sequence[Streamed]) -> dict[str, Any]:
    cost, bound = middle.run.cost(), middle.bound
    record: dict[str, Any] = {
        **_cost(cost),
        "bound_images_per_second": round(bound.rate, 1),
        "arithmetic": arithmetic(bound),
        "efficiency": round(middle.efficiency, 3),
        "efficiency_of_rounds": [round(each.efficiency, 3) for each in rounds],
        "forward_alone": _cost(bound.forward.cost),
        "decode_alone": _cost(bound.decode),
        "cpu_ms_in_neither": round(middle.in_neither * _MS, 3),
        "stage_ms_per_image": {
            name: round(total / cost.images * _MS, 3) for name, total in middle.run.stages.items()
        },
    }
    if bound.client is not None:
        record["publish_alone"], record["fetch_alone"] = _cost(bound.client.publish), _cost(bound.client.fetch)
    return record
