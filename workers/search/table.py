"""What was found, on the terminal: a line an image."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.signals import WHOLE
from pipeline.wire import Region
from workers.scan.report import COLOURS
from workers.search.record import Nearby, Record
from workers.terminal.console import told

_MINUTES = len("2026-03-01T14:00")
_WIDEST = 10_000


def show(record: Record, console: Console) -> None:
    """Print the lines, or that there is nothing like it."""
    if record.found:
        _print_whole(_table(record), console)
    console.print(told((in_words(record), "dim" if record.found else "")), soft_wrap=True)


def _print_whole(table: Table, console: Console) -> None:
    """Print it as wide as it is: an id that is cut off cannot be searched by, and a terminal wraps what is longer."""
    width = console.width
    console.width = _WIDEST
    console.width = max(width, console.measure(table).maximum)
    console.print(table)
    console.width = width


def in_words(record: Record) -> str:
    """Among how much was looked, and what is to be said where nothing was found."""
    among = f"{record.images:,} image{'' if record.images == 1 else 's'}"
    if record.best is None:
        return "no image is as you ask: none was decided so, in that time"
    if record.found:
        others = sum(each.alike for each in record.found)
        return f"{len(record.found)} of {among}" + (
            f", and {others:,} more that are nearly the same" if others else ""
        )
    measure = "score" if record.asked.by_words else "cosine"
    return (
        f"nothing like it: of {among} the nearest has a {measure} of {record.best:.3g}, below {record.asked.least:g}"
    )


def _table(record: Record) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    columns = list(_columns(record))
    for name in columns:
        figure = name in {"", "score", "cosine", "alike"}
        table.add_column(told(name), justify="right" if figure else "left", no_wrap=True)
    for each in record.found:
        cells = _cells(each)
        table.add_row(*(cells[name] for name in columns))
    return table


def _columns(record: Record) -> Iterator[str]:
    yield from ("", "score" if record.asked.by_words else "cosine")
    if any(each.alike for each in record.found):
        yield "alike"
    yield from ("decided", "verdict")
    if any(each.matches or each.shadow for each in record.found):
        yield "matched"
    if any(where(each.view) for each in record.found):
        yield "view"
    if len(record.asked.words) > 1:
        yield "words"
    yield "image"


def _cells(each: Nearby) -> dict[str, Text]:
    score = told(f"{each.score:.3f}")
    return {
        "": told((str(each.rank), "dim")),
        "score": score,
        "cosine": score,
        "image": told(each.image_id),
        "alike": told(f"+{each.alike:,}" if each.alike else ""),
        "decided": told((each.decided_at[:_MINUTES], "dim")),
        "verdict": told((each.verdict, COLOURS[each.verdict])),
        "matched": told(matched(each)),
        "view": told((where(each.view), "dim")),
        "words": told((each.prompt or "", "dim")),
    }


def matched(each: Nearby) -> str:
    """The policies that it matched; those in shadow are in brackets."""
    return " ".join([*each.matches, *(f"({policy})" for policy in each.shadow)])


def where(view: Region) -> str:
    """Which part of the picture it was found by; empty where that is the whole of the first frame."""
    said = [f"frame {view.frame}"] if view.frame else []
    if view.box != WHOLE:
        left, top, right, bottom = (f"{100 * edge:.0f}" for edge in view.box)
        said.append(f"{left}-{right}% x {top}-{bottom}%")
    if view.turned:
        said.append("mirrored" if view.turned == "mirrored" else f"turned {view.turned}")
    return ", ".join(said)
