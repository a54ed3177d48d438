"""The bench's figures as a table for a person and as one object for a machine; both say how a bound came about."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table

from workers.bench.figures import Figures
from workers.bench.limits import Cost
from workers.bench.streams import Clockwork

_MS = 1000
_MIB = 1 << 20


def as_record(figures: Figures) -> dict[str, Any]:
    """The object that ``--json`` prints; rates are images a second, times as their names say."""
    record: dict[str, Any] = {
        "images": figures.images,
        "mean_bytes": figures.mean_bytes,
        "model": figures.model,
        "dtype": figures.dtype,
        "cores": figures.cores,
        "forward": [{"dtype": each.dtype, "batch": each.batch, **_cost(each.cost)} for each in figures.forwards],
        "decode": _cost(figures.best.decode),
        "decode_one_thread": _cost(figures.best.decode_one_thread),
        "bound": {"arithmetic": arithmetic(figures), "images_per_second": round(figures.bound(), 1)},
        "memory": _run(figures, figures.best.memory, figures.bound()),
        "null_encoder": {
            **_cost(figures.best.null.cost()),
            "cpu_us_beside_decode": round(figures.beside_decode * 1e6, 1),
        },
        "repeats": {
            **_cost(figures.repeats),
            "times_cold": round(figures.repeats.rate / _rate(figures.best.memory), 1),
        },
        "prompts_10000": {"batch": figures.prompts.batch, "share_of_scoring": round(figures.prompts.share, 4)},
        "latency": [
            {
                "load": each.share,
                "images_per_second": round(each.rate, 1),
                **{name: round(getattr(each, name) * _MS, 1) for name in ("p50", "p95", "p99")},
                "p50_to_ideal": round(each.p50 / each.ideal_p50, 2),
                "p99_to_ideal": round(each.p99 / each.ideal_p99, 2),
            }
            for each in figures.latencies
        ],
        "peers": {
            name: {**_cost(cost), "times": round(_rate(figures.best.memory) / cost.rate, 2)}
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
        run, costs = figures.kafka
        record["kafka"] = {
            **_run(figures, run, figures.bound(kafka=True)),
            "publish_alone": _cost(costs.publish),
            "fetch_alone": _cost(costs.fetch),
            "arithmetic": arithmetic(figures, kafka=True),
        }
    return record


def arithmetic(figures: Figures, *, kafka: bool = False) -> str:
    """The bound in figures."""
    decode = f"decode {figures.best.decode.cpu_each * _MS:.2f} ms"
    forward = figures.best.forward
    parts = [f"forward {forward.cost.cpu_each * _MS:.2f} ms ({forward.dtype}, batch {forward.batch})", decode]
    if kafka and figures.kafka is not None:
        costs = figures.kafka[1]
        parts += [
            f"publish {costs.publish.cpu_each * _MS:.2f} ms",
            f"fetch {costs.fetch.cpu_each * _MS:.2f} ms",
        ]
    if figures.device_apart:
        cpu = " + ".join(parts[1:])
        return f"the lesser of {forward.cost.rate:.0f}/s forward and {figures.cores} cores / ({cpu})"
    return f"{figures.cores} cores / ({' + '.join(parts)} of CPU)"


def as_table(figures: Figures) -> Group:
    """What a person reads."""
    title = f"{figures.images} JPEGs of {figures.mean_bytes:,} bytes, {figures.model} {figures.dtype}"
    return Group(_throughput(figures, title), "", _latency(figures), "", _rest(figures))


def _throughput(figures: Figures, title: str) -> Table:
    table = _table("", "images/s", "CPU ms/image", "efficiency", title=title)
    for each in figures.forwards:
        table.add_row(f"forward pass alone, {each.dtype}, batch {each.batch}", *_pair(each.cost))
    table.add_row("decode+preprocess alone, one thread", *_pair(figures.best.decode_one_thread))
    table.add_row(f"decode+preprocess alone, {figures.cores} threads", *_pair(figures.best.decode))
    table.add_row(f"bound = {arithmetic(figures)}", f"{figures.bound():.0f}")
    memory = figures.best.memory
    table.add_row("pipeline through memory", *_pair(memory.cost()), _efficiency(memory, figures.bound()))
    if figures.kafka is not None:
        run, costs = figures.kafka
        table.add_row("Kafka publish alone", *_pair(costs.publish))
        table.add_row("Kafka fetch alone", *_pair(costs.fetch))
        bound = figures.bound(kafka=True)
        table.add_row(f"bound = {arithmetic(figures, kafka=True)}", f"{bound:.0f}")
        table.add_row("pipeline through Kafka", *_pair(run.cost()), _efficiency(run, bound))
    table.add_row("pipeline with a model that costs nothing", *_pair(figures.best.null.cost()))
    table.add_row("images seen before", *_pair(figures.repeats))
    for name, cost in figures.peers.items():
        table.add_row(
            f"{_PEERS[name]}, float32", *_pair(cost), f"{_rate(memory) / cost.rate:.1f}x slower than memory"
        )
    return table


_PEERS = {
    "tutorial": "a tutorial's loop, one image at a time",
    "dataloader": "a DataLoader's loop, batch 32",
}


def _latency(figures: Figures) -> Table:
    table = _table("load", "images/s", "p50 ms", "p95 ms", "p99 ms", "to an ideal batcher's p50, p99")
    for each in figures.latencies:
        table.add_row(
            f"{each.share:.0%} of capacity, open loop",
            f"{each.rate:.0f}",
            *(f"{value * _MS:.0f}" for value in (each.p50, each.p95, each.p99)),
            f"{each.p50 / each.ideal_p50:.2f}, {each.p99 / each.ideal_p99:.2f}",
        )
    return table


def _rest(figures: Figures) -> Table:
    ours, yardstick = figures.start
    table = _table("", "")
    neither = figures.in_neither(figures.best.memory) * _MS
    table.add_row("CPU in neither forward nor decode, through memory", f"{neither:.2f} ms an image")
    table.add_row("our CPU beside decode, model that costs nothing", f"{figures.beside_decode * 1e6:.0f} us an image")
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


def _efficiency(run: Clockwork, bound: float) -> str:
    return f"{_rate(run) / bound:.2f}"


def _rate(run: Clockwork) -> float:
    return run.cost().rate


def _cost(cost: Cost) -> dict[str, float]:
    return {"images_per_second": round(cost.rate, 1), "cpu_ms_per_image": round(cost.cpu_each * _MS, 3)}


def _run(figures: Figures, run: Clockwork, bound: float) -> dict[str, Any]:
    cost = run.cost()
    return {
        **_cost(cost),
        "bound_images_per_second": round(bound, 1),
        "efficiency": round(cost.rate / bound, 3),
        "cpu_ms_in_neither": round(figures.in_neither(run) * _MS, 3),
        "stage_ms_per_image": {name: round(total / cost.images * _MS, 3) for name, total in run.stages.items()},
    }
