"""An explanation on the terminal: what the score leads to, sentences, heads, views, and the map in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from pipeline.lab.explain import words
from pipeline.lab.explain.maps import Map
from pipeline.lab.explain.record import Explanation, Why
from workers.scan.report import COLOURS
from workers.terminal.console import Terminal, told
from workers.terminal.picture import half_blocks, shows_pictures

MOST_VIEWS = 8
MAP_COLUMNS, MAP_LINES = 48, 16
"""How large a map is at most: what is drawn of it, and all that is said of a policy, fit one screen."""


def show(found: Explanation, maps: Mapping[str, Map], terminal: Terminal) -> None:
    """Print all of it, laid out for eighty columns; maps where the terminal has colours to show them in."""
    terminal.print(told((f"{found.verdict:<6}", COLOURS[found.verdict]), f" {found.image}"))
    scores = sorted(found.scores.items(), key=lambda pair: -pair[1])
    terminal.print(told(("scores: " + ", ".join(f"{name} {score:.3f}" for name, score in scores), "dim")))
    for each in found.policies:
        _policy(each, maps.get(each.policy), terminal)
    if said := words.effort(found):
        terminal.print(told((said, "dim")))
    for note in found.notes:
        terminal.print(told((f"note: {note}", "yellow")))


def _policy(why: Why, made: Map | None, terminal: Terminal) -> None:
    terminal.print(told(""))
    terminal.print(told((why.policy, "bold"), f"  {words.outcome(why)}"))
    terminal.out.print(_table(("sentence", "is", "share"), words.sentence_rows(why)))
    if len(why.heads) > 1:
        terminal.out.print(_table(("head", "says", "score"), words.head_rows(why)))
    views = words.view_rows(why)
    terminal.out.print(_table(("view", "score", ""), views[:MOST_VIEWS]))
    if len(views) > MOST_VIEWS:
        terminal.print(told((f"and {len(views) - MOST_VIEWS} views with less", "dim")))
    if made is not None and words.says_where(why) and shows_pictures(terminal.out):
        for row in half_blocks(made.heated, MAP_COLUMNS, MAP_LINES):
            terminal.out.print(row)
    for line in words.proof(why):
        terminal.print(told(line))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in {"share", "score"} else "left", overflow="fold")
    for row in rows:
        table.add_row(*(told(cell) for cell in row))
    return table
