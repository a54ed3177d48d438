"""Wordings side by side on the terminal."""

from __future__ import annotations

from rich.table import Table

from pipeline.lab.wordings import words
from pipeline.lab.wordings.record import Tried
from workers.terminal.console import Terminal, told


def show(record: Tried, terminal: Terminal) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(words.head(record)):
        table.add_column(name, justify="right" if at > 1 else "left", overflow="fold", no_wrap=at != 1)
    for row in words.counts(record):
        table.add_row(*map(told, row))
    terminal.print(told(words.in_words(record)))
    terminal.out.print()
    terminal.out.print(table)
    for at, wording in enumerate(record.wordings):
        terminal.out.print()
        terminal.print(told((f"{words.letter(at)}: {wording.words}", "bold")))
        for top in wording.top:
            said = ", ".join(words.beside(top))
            terminal.print(told(f"  {words.scores(top)}  {top.image_id}  ", (said, "dim")))
