"""The bench's figures as a table for a person and as one object for a machine; both say how a bound came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table

from workers.bench.figures import Figures
from workers.bench.limits import Cost
from workers.bench.rounds import Bound, Streamed

_MS = 1000
_US = 1_000_000
_MIB = 1 << 20

_TO_IDEAL = ("p50_to_ideal", "p99_to_ideal", "p50_to_rested", "p99_to_rested")


def as_record(figures: Figures) -> dict[str, Any]:
    """The object that ``--json`` prints; rates are images a second, times as their names say."""
    record: dict[str, Any] = {
        "images": figures.images,
        "mean_bytes": figures.mean_bytes,
        "model": figures.model,
        "dtype": figures.dtype,
        "cores": figures.cores,
        "forward": [{"dtype": each.dtype, "batch": each.batch, **_cost(each.cost)} for each in figures.forwards],
        "memory": _streamed(figures.memory, [each.memory for each in figures.rounds]),
        "null_encoder": {
            **_cost(figures.null.run.cost()),
            "cpu_us_beside_decode": round(figures.null.beside_decode * _US, 1),
            "cpu_us_beside_decode_of_rounds": [round(each.null.beside_decode * _US, 1) for each in figures.rounds],
            "decode_cpu_ms_per_image": round(figures.null.decode.cpu_each * _MS, 3),
        },
        "repeats": {
            **_cost(figures.repeats),
            "times_cold": round(figures.repeats.rate / _rate(figures.memory), 1),
        },
        "prompts_10000": {"batch": figures.prompts.batch, "share_of_scoring": round(figures.prompts.share, 4)},
        "latency": [
            {
                "load": each.share,
                "images_per_second": round(each.rate, 1),
                **{name: round(getattr(each, name) * _MS, 1) for name in ("p50", "p95", "p99")},
                **{name: round(getattr(each, name), 2) for name in _TO_IDEAL},
            }
            for each in figures.latencies
        ],
        "peers": {
            name: {**_cost(cost), "times": round(_rate(figures.memory) / cost.rate, 2)}
            for name, cost in figures.peers.items()
        },
        "start_to_first_decision": {
            "seconds": round(figures.start[0].seconds, 2),
            "times_import_open_clip": round(figures.start[0].seconds / figures.start[1].seconds, 2),
            "peak_mib": figures.start[0].peak_bytes // _MIB,
        },
        "peak_mib": figures.peak_bytes // _MIB,
    }
    if figures.warm is not None:
        record["prompts_1000_in_redis"] = {
            "connect_to_ready_ms": round(figures.warm.ready * _MS, 1),
            "parse_ms": round(figures.warm.parse * _MS, 1),
        }
    if figures.kafka is not None:
        record["kafka"] = _streamed(figures.kafka, [each.kafka for each in figures.rounds if each.kafka is not None])
    return record


def arithmetic(bound: Bound) -> str:
    """The bound in figures."""
    forward, client = bound.forward, bound.client
    rest = [f"decode {bound.decode.cpu_each * _MS:.2f} ms"]
    if client is not None:
        rest += [f"publish {client.publish.cpu_each * _MS:.2f} ms", f"fetch {client.fetch.cpu_each * _MS:.2f} ms"]
    if bound.apart:
        return f"the lesser of {forward.cost.rate:.0f}/s forward and {bound.cores} cores / ({' + '.join(rest)})"
    of_model = f"forward {forward.cost.cpu_each * _MS:.2f} ms ({forward.dtype}, batch {forward.batch})"
    return f"{bound.cores} cores / ({' + '.join([of_model, *rest])} of CPU)"


def as_table(figures: Figures) -> Group:
    """What a person reads."""
    title = f"{figures.images} JPEGs of {figures.mean_bytes:,} bytes, {figures.model} {figures.dtype}"
    return Group(_throughput(figures, title), "", _latency(figures), "", _rest(figures))


def _throughput(figures: Figures, title: str) -> Table:
    table = _table("", "images/s", "CPU ms/image", "efficiency", title=title)
    for each in figures.forwards:
        table.add_row(f"forward pass alone, {each.dtype}, batch {each.batch}", *_pair(each.cost))
    memory = figures.memory
    table.add_row(f"decode+preprocess alone, {figures.cores} threads", *_pair(memory.bound.decode))
    table.add_row(f"bound = {arithmetic(memory.bound)}", f"{memory.bound.rate:.0f}")
    spread = _spread(each.memory for each in figures.rounds)
    table.add_row("pipeline through memory", *_pair(memory.run.cost()), f"{memory.efficiency:.2f} {spread}")
    if (kafka := figures.kafka) is not None:
        if kafka.bound.client is not None:
            table.add_row("Kafka publish alone", *_pair(kafka.bound.client.publish))
            table.add_row("Kafka fetch alone", *_pair(kafka.bound.client.fetch))
        table.add_row(f"bound = {arithmetic(kafka.bound)}", f"{kafka.bound.rate:.0f}")
        spread = _spread(each.kafka for each in figures.rounds if each.kafka is not None)
        table.add_row("pipeline through Kafka", *_pair(kafka.run.cost()), f"{kafka.efficiency:.2f} {spread}")
    table.add_row("pipeline with a model that costs nothing", *_pair(figures.null.run.cost()))
    table.add_row("images seen before", *_pair(figures.repeats))
    for name, cost in figures.peers.items():
        times = _rate(memory) / cost.rate
        table.add_row(f"{_PEERS[name]}, float32", *_pair(cost), f"{times:.1f}x slower than memory")
    return table


def _spread(rounds: Iterable[Streamed]) -> str:
    """The least and the most efficient round."""
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
    ours, yardstick = figures.start
    table = _table("", "")
    table.add_row(
        "CPU in neither forward nor decode, through memory", f"{figures.memory.in_neither * _MS:.2f} ms an image"
    )
    beside = sorted(each.null.beside_decode * _US for each in figures.rounds)
    table.add_row(
        "our CPU beside decode, model that costs nothing",
        f"{figures.null.beside_decode * _US:.0f} us an image ({beside[0]:.0f} to {beside[-1]:.0f})",
    )
    table.add_row("scoring against 10,000 prompts", f"{figures.prompts.share:.1%} of it and the forward pass")
    if figures.warm is not None:
        table.add_row("1,000 prompts that Redis knows, connect to ready", f"{figures.warm.ready * _MS:.1f} ms")
    table.add_row(
        "start to first decision",
        f"{ours.seconds:.1f} s, {ours.seconds / yardstick.seconds:.2f} times importing open_clip",
    )
    table.add_row("peak memory", f"{ours.peak_bytes / _MIB:.0f} MiB to judge one image, {_mib(figures)} here")
    return table


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
