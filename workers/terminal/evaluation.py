"""An evaluation on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from pipeline.lab.evaluation import words
from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.lab.evaluation.record import Record
from workers.terminal.console import told

UNREADABLE_SHOWN = 10
WORST_SHOWN = 10


def show(record: Record, console: Console) -> None:
    """Print the tables, then the names of what could not be read."""
    evaluation = record.evaluation
    console.print(told((evaluation.data, "bold"), f": {words.left_out(evaluation)}"), soft_wrap=True)
    console.print(told((record.model_line, "dim")), soft_wrap=True)
    console.print()
    console.print(_table(("", "", "95 % interval", ""), _figures(evaluation)))
    if evaluation.shifts:
        console.print()
        console.print(_table(words.ELSEWHERE, words.elsewhere(evaluation), figures=(1, 2, 3, 4, 5)))
    groups = [(each.name, each.accuracy, each.examples, each.mistaken_for or "") for each in evaluation.groups]
    for title, slices in (("group", groups), ("worst classes", words.worst(evaluation)[:WORST_SHOWN])):
        if slices:
            rows = [
                (name, words.percent(accuracy.value), words.span(accuracy), f"{examples:,}", mistaken_for)
                for name, accuracy, examples, mistaken_for in slices
            ]
            console.print()
            console.print(_table((title, "top-1", "95 % interval", "images", "mistaken for"), rows))
    _unreadable(evaluation, console)


def _figures(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    """The headline figures: name, value, interval, what to know about it."""
    for top in evaluation.top:
        yield f"top-{top.k}", words.percent(top.accuracy.value), words.span(top.accuracy), ""
    yield "calibration error", words.percent(evaluation.calibration.ece), "", words.trust(evaluation)
    if gain := evaluation.template_gain:
        yield "templates", words.points(gain.value), words.points_span(gain), "against one template"
    if gap := evaluation.gap:
        apart = gap.difference
        yield "largest gap", words.points(apart.value), words.points_span(apart), words.gap_text(evaluation)
    for shift in evaluation.shifts:
        kept = (words.percent(shift.kept.value), words.span(shift.kept)) if shift.kept else ("-", "")
        note = f"{words.percent(shift.after.value)} there, {words.percent(shift.before.value)} here"
        yield f"kept on {shift.data}", *kept, note


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], figures: tuple[int, ...] = (1, 2)) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        figure = index in figures or column == "images"
        table.add_column(told(column), justify="right" if figure else "left", no_wrap=figure)
    for row in rows:
        table.add_row(*map(told, row))
    return table


def _unreadable(evaluation: Evaluation, console: Console) -> None:
    every = (*evaluation.unreadable, *evaluation.shift_unreadable)
    if not every:
        return
    console.print()
    console.print(told((f"{len(every):,} could not be read", "magenta")))
    for each in every[:UNREADABLE_SHOWN]:
        console.print(told(f"  {each.reason:<14} {each.name}  ", (each.message, "dim")), soft_wrap=True)
    if len(every) > UNREADABLE_SHOWN:
        console.print(f"  and {len(every) - UNREADABLE_SHOWN:,} more; --json names all")
