"""Two policies side by side on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from pipeline.lab.comparing import words
from pipeline.lab.comparing.record import Comparison, Told
from workers.terminal.console import Terminal, told

SHOWN = 5
"""Images of either kind; the page and the JSON have more."""


def show(found: Comparison, terminal: Terminal) -> None:
    terminal.print(told(words.in_words(found)))
    for head, rows in ((words.TABLE_HEAD, words.counts(found)), (words.ACTIONS_HEAD, words.actions(found))):
        terminal.out.print()
        terminal.out.print(_table(head, rows))
    terminal.out.print()
    for name, said in words.figures(found):
        terminal.print(told((f"{name:<28} ", "dim"), said))
    for side, images, of in (("A", found.only_a, found.cells.only_a), ("B", found.only_b, found.cells.only_b)):
        if images:
            _only(terminal, side, images, of)
    for line in words.remarks(found):
        terminal.print(told((line, "yellow")))


def _only(terminal: Terminal, side: str, images: Sequence[Told], of: int) -> None:
    terminal.out.print()
    terminal.print(told((f"only {side} flags: {words.drawn(images[:SHOWN], of)}", "bold")))
    for image in images[:SHOWN]:
        terminal.print(told(f"  {image.image_id}  ", (words.said_of(image), "dim")))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(head):
        table.add_column(name, justify="right" if at else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(told, row))
    return table
