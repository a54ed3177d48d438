"""A drill on the terminal: a row for each policy, then a row for each trick, the weakest defence first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.lab.evasion.attempts import ACTIONS, Tally, by_trick
from pipeline.lab.evasion.record import Record
from pipeline.lab.evasion.trick import Trick
from pipeline.lab.evasion.words import percent, points


def show(found: Record, console: Console) -> None:
    """Print both tables, laid out for eighty columns, and what became dead letters."""
    console.print(f"{found.in_words}\n", soft_wrap=True)
    console.print(_policies(found))
    console.print()
    console.print(_tricks(found))
    for line in found.dead_letters:
        console.print(f"\n{escape(line)}", soft_wrap=True)


def _policies(found: Record) -> Table:
    table = _table("policy", "samples", "flagged", "kept", "lost", *_harmless(found), "weakest trick")
    for policy in found.policies:
        flags = policy.flags
        weakest = f"{policy.weakest[0]} {_whole(policy.weakest[1].flagged)}" if policy.weakest else "-"
        figures = [f"{policy.samples}", _whole(flags.flagged), _whole(flags.kept), points(flags.lost)]
        if found.harmless.attempts:
            figures.append(_whole(policy.harmless.flagged))
        table.add_row(escape(policy.policy), *figures, weakest)
    return table


def _tricks(found: Record) -> Table:
    actions = [action for action in ACTIONS[1:] if found.flags.at(action) is not None]  # the first is any at all
    table = _table("trick", "flagged", "kept", *actions, "lost", "most", *_harmless(found), "seen")
    seen = {trick.name: trick.seen for trick in found.tricks}
    harmless = by_trick(found.harmless.attempts)
    for name, tally in by_trick(found.flags.attempts).items():
        figures = [_whole(tally.flagged), _whole(tally.kept), *(_whole(tally.at(action)) for action in actions)]
        figures += [points(tally.lost), points(tally.worst.lost if tally.worst else None)]
        if found.harmless.attempts:
            figures.append(_whole(harmless.get(name, Tally([])).flagged))
        style = None if tally.falls_below(1) else "dim"
        table.add_row(name, *figures, seen[name], style=style)
    return table


def _harmless(found: Record) -> list[str]:
    return ["falsely"] if found.harmless.attempts else []


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        text = number in {0, len(columns) - 1}
        table.add_column(column, justify="left" if text else "right", no_wrap=True)
    return table


def _whole(share: float | None) -> str:
    return percent(share, 0)


def show_tricks(tricks: Sequence[Trick], console: Console) -> None:
    """Print what there is, a row for each trick."""
    table = _table("trick", "strengths", "what it does", "the thing is seen")
    table.columns[2].justify = "left"
    table.columns[2].no_wrap = False
    for trick in tricks:
        strengths = ", ".join(f"{strength:g}" for strength in trick.strengths)
        table.add_row(trick.name, strengths if "{}" in trick.says else "", trick.says.format("#"), trick.seen)
    console.print(table)
