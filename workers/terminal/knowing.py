"""How well the model knows wordings, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from pipeline.lab.lint.knowing import PICTURES, Knowing
from pipeline.lab.lint.unknown import LEAST_NEARNESS
from workers.terminal.console import Terminal, told

_LEGEND = f"known: how far the nearest everyday phrase stands out; under {LEAST_NEARNESS:g} the model hardly knows it"


def show(knowings: Sequence[Knowing], terminal: Terminal) -> None:
    """A row for each wording, with the suggestions for it below it, and those for pictures at the end."""
    own = [each.words for each in knowings if each.instead_of is None]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("wording", overflow="fold")
    table.add_column("known", justify="right")
    table.add_column("nearest to", overflow="fold")
    for words in (*own, PICTURES):
        for each in knowings:
            if words == (each.instead_of or each.words):
                table.add_row(*_row(each))
    terminal.out.print(table)
    terminal.note(_LEGEND)


def _row(each: Knowing) -> tuple[Text, Text, Text]:
    if each.instead_of is None:
        suggested = ""
    else:
        suggested = "by the pictures: " if each.instead_of == PICTURES else "  or rather: "
    figure = f"{each.nearness:.1f}" if each.known else f"no, {each.nearness:.1f}"
    return told((suggested, "dim"), each.words), told(figure), told(", ".join(each.nearest))
