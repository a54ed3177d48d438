"""The figures of the API as a table and as JSON: medians over rounds, and the ratios of each round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from workers.bench.api.measure import CLIENTS, Round, Run

_MS = 1000
_US = 1_000_000


def as_record(found: Sequence[Round]) -> dict[str, Any]:
    """Times as their names say, rates are images a second; lists have the figure of each round."""
    return {
        "rounds": len(found),
        "clients": CLIENTS,
        "added_p50_ms": round(_median(found, lambda each: each.added) * _MS, 3),
        "added_p50_ms_of_rounds": [round(each.added * _MS, 3) for each in found],
        "alone_p50_ms": round(_median(found, lambda each: each.http_alone.p50) * _MS, 2),
        "alone_p50_ms_without_http": round(_median(found, lambda each: each.desk_alone.p50) * _MS, 2),
        "p50_ms": round(_median(found, lambda each: each.http.p50) * _MS, 1),
        "p99_ms": round(_median(found, lambda each: each.http.p99) * _MS, 1),
        "rate": round(_median(found, lambda each: each.http.rate), 1),
        "rate_without_http": round(_median(found, lambda each: each.desk.rate), 1),
        "rate_through_memory": round(_median(found, lambda each: each.memory.cost().rate), 1),
        "to_memory": round(_median(found, lambda each: each.of_memory), 3),
        "to_memory_of_rounds": [round(each.of_memory, 3) for each in found],
        "to_without_http": round(_median(found, lambda each: each.of_desk), 3),
        "cpu_us": round(_median(found, lambda each: each.http.cpu) * _US),
        "cpu_us_through_memory": round(_median(found, lambda each: each.memory.cost().cpu_each) * _US),
        "cpu_us_of_http": round(_median(found, lambda each: each.http.cpu - each.desk.cpu) * _US),
    }


def as_table(found: Sequence[Round]) -> RenderableType:
    """A line for each way to ask."""
    table = Table("", "p50, ms", "images/s", "ratio", box=None)
    table.add_row("one asks, without HTTP", _p50(found, lambda each: each.desk_alone), "", "")
    added = f"{_median(found, lambda each: each.added) * _MS:+.2f} ms"
    table.add_row("one asks, over HTTP", _p50(found, lambda each: each.http_alone), "", added)
    table.add_row("all wait in memory", "", f"{_median(found, lambda each: each.memory.cost().rate):.0f}", "")
    table.add_row(
        f"{CLIENTS} ask, without HTTP",
        _p50(found, lambda each: each.desk),
        f"{_median(found, lambda each: each.desk.rate):.0f}",
        f"{_median(found, lambda each: each.desk.rate / each.memory.cost().rate):.2f} of memory",
    )
    table.add_row(
        f"{CLIENTS} ask, over HTTP",
        _p50(found, lambda each: each.http),
        f"{_median(found, lambda each: each.http.rate):.0f}",
        f"{_median(found, lambda each: each.of_memory):.2f} of memory",
    )
    return table


def _p50(found: Sequence[Round], of: Callable[[Round], Run]) -> str:
    return f"{_median(found, lambda each: of(each).p50) * _MS:.1f}"


def _median(found: Sequence[Round], of: Callable[[Round], float]) -> float:
    return float(np.median([of(each) for each in found]))
