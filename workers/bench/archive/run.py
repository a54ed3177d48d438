"""All questions, over one archive, and what came of them as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from rich.console import RenderableType
from rich.table import Table
from threadpoolctl import threadpool_limits

from workers.bench.archive.backtests import Backtests, backtests
from workers.bench.archive.made import WORDS, made
from workers.bench.archive.searches import THREADS, Memory, Searches, memory, searches
from workers.bench.limits import Cost
from workers.terminal.console import Screen, Terminal
from workers.terminal.plain import say_json

_US = 1_000_000


def run(rows: int, inside: Path | None, *, as_json: bool) -> None:
    """Make an archive of that many rows inside a folder, put every question to it, and print the figures."""
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with (
        threadpool_limits(1),
        Terminal().counting("writing an archive, rows", rows) as counter,
        made(rows, counter.advance, inside) as archive,
    ):
        found, searched, peaks = backtests(archive), searches(archive), memory(archive)
    if as_json:
        say_json(json.dumps(as_record(found) | of_search(searched) | of_memory(peaks)))
    else:
        Screen().print(as_table(found))
        Screen().print(as_search_table(searched, peaks))


def as_record(found: Backtests) -> dict[str, Any]:
    """Rates are rows a second of CPU; ratios are to limits that were measured beside them."""
    costs = ("copy", "plain", "cast_and_product", "edited", "product", "anew")
    return {
        "rows": found.rows,
        "rows_per_cpu_second": {name: round(1 / getattr(found, name).cpu_each) for name in costs},
        "edited_to_cast_and_product": round(found.of_cast_and_product, 3),
        "edited_to_copy": round(found.of_copy, 3),
        "told_images": found.told.images,
        "told_cpu_seconds": round(found.told.cpu, 4),
        "edited_to_plain_cast_and_product": round(found.plain.cpu_each / found.edited.cpu_each, 3),
        "anew_to_product": round(found.of_product, 3),
    }


def of_search(found: Searches) -> dict[str, Any]:
    """As `as_record`; seconds are by the wall clock."""
    return {
        "search_rows_per_cpu_second": round(1 / found.one.cpu_each),
        "search_to_cast_and_product": round(found.of_cast_and_product, 3),
        "search_seconds": {"1": round(found.one.wall, 3), str(THREADS): round(found.several.wall, 3)},
    }


def of_memory(peaks: Sequence[Memory]) -> dict[str, Any]:
    """Bytes for so many rows."""
    return {"peak_bytes": [{"rows": each.rows, "backtest": each.backtest, "search": each.search} for each in peaks]}


def as_search_table(found: Searches, peaks: Sequence[Memory]) -> RenderableType:
    """Lines of the search, and of the memory of both."""
    table = Table("", "us a row", "rows/s", "of its limit", box=None)
    table.add_row(f"cast and product, {WORDS} sentences, in the cache", *_figures(found.cast_and_product), "")
    table.add_row("search by words", *_figures(found.one), f"{found.of_cast_and_product:.2f}")
    table.add_row(f"search by words on {THREADS} threads, by the clock", *_clock(found.several), "")
    for each in peaks:
        for what, peak in (("backtest", each.backtest), ("search", each.search)):
            table.add_row(f"most memory of a {what}, {each.rows:,} rows", f"{peak >> 20:,} MiB")
    return table


def _clock(cost: Cost) -> tuple[str, str]:
    return f"{cost.wall / cost.images * _US:.3f}", f"{cost.rate:,.0f}"


def as_table(found: Backtests) -> RenderableType:
    """A line for each limit and question."""
    table = Table(*(f"{found.rows:,} rows, one core", "us a row", "rows/s", "of its limit"), box=None)
    for name, cost, ratio in (
        ("copying the segments' bytes", found.copy, None),
        ("cast and product, 30 sentences, as usually written", found.plain, None),
        ("cast and product, 30 sentences, in the cache", found.cast_and_product, None),
        ("backtest of one edited policy", found.edited, found.of_cast_and_product),
        ("", None, found.of_copy),
        ("product, a whole set and its background", found.product, None),
        ("backtest of a whole set, new background", found.anew, found.of_product),
    ):
        table.add_row(name, *_figures(cost), "" if ratio is None else f"{ratio:.2f}")
    table.add_row(f"paid once: {found.told.images} images that it tells of, {found.told.cpu * 1000:.0f} ms")
    return table


def _figures(cost: Cost | None) -> tuple[str, str]:
    return ("", "of copying") if cost is None else (f"{cost.cpu_each * _US:.3f}", f"{1 / cost.cpu_each:,.0f}")
