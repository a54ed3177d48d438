"""Wordings side by side on the terminal."""

from __future__ import annotations

from rich.table import Table

from pipeline.lab.wordings import words
from pipeline.lab.wordings.record import Tried
from workers.terminal.console import Terminal, told

SEEN = 0.001
"""Less is no sign of what the words say, and is left out."""
_WHY = "none shows it, or the model does not know the words, which `sluice policy new` tells"


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
        seen = [top for top in wording.top if top.scores[at] >= SEEN]
        for top in seen:
            said = ", ".join(words.beside(top))
            terminal.print(told(f"  {words.scores(top)}  {top.image_id}  ", (said, "dim")))
        if not seen:
            terminal.print(told(f"  no image scores {SEEN:g} or more: {_WHY}"))
