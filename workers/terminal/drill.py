"""A drill on the terminal: a row for each policy, then a row for each trick, the weakest defence first."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.lab.evasion.attempts import ACTIONS, Tally, by_trick
from pipeline.lab.evasion.record import Record

_WHOLE = 1.0


def show(found: Record, console: Console) -> None:
    """Print both tables, laid out for eighty columns, and what became dead letters."""
    samples = sum(policy.samples for policy in found.policies)
    console.print(
        f"{samples} samples, {len(found.tricks)} tricks, {len(found.flags.attempts):,} pictures (seed {found.seed}): "
        f"{percent(found.flags.flagged)} still flagged, {percent(found.flags.kept)} as severely as untouched\n",
        soft_wrap=True,
    )
    console.print(_policies(found))
    console.print()
    console.print(_tricks(found))
    _dead_letters(found, console)


def percent(share: float | None) -> str:
    """``41.7`` and a per cent sign; rounded down, so that 100 means all. A dash where nothing was judged."""
    return "-" if share is None else f"{int(share * 1000) / 10:g}%"


def points(lost: float | None) -> str:
    return "-" if lost is None else f"{lost:.2f}"


def _policies(found: Record) -> Table:
    table = _table("policy", "samples", "flagged", "kept", "lost", *_harmless(found), "weakest trick")
    for policy in found.policies:
        flags = policy.flags
        weakest = f"{policy.weakest[0]} {percent(policy.weakest[1].flagged)}" if policy.weakest else "-"
        figures = [f"{policy.samples}", percent(flags.flagged), percent(flags.kept), points(flags.lost)]
        if found.harmless.attempts:
            figures.append(percent(policy.harmless.flagged))
        table.add_row(escape(policy.policy), *figures, weakest)
    return table


def _tricks(found: Record) -> Table:
    actions = [action for action in ACTIONS if found.flags.at(action) is not None]
    table = _table("trick", "flagged", "kept", *actions, "lost", "most", *_harmless(found), "the thing is seen")
    seen = {trick.name: trick.seen for trick in found.tricks}
    harmless = by_trick(found.harmless.attempts)
    for name, tally in by_trick(found.flags.attempts).items():
        figures = [percent(tally.flagged), percent(tally.kept), *(percent(tally.at(action)) for action in actions)]
        figures += [points(tally.lost), points(tally.worst.lost if tally.worst else None)]
        if found.harmless.attempts:
            figures.append(percent(harmless.get(name, Tally([])).flagged))
        style = None if tally.flagged is not None and tally.flagged < _WHOLE else "dim"
        table.add_row(name, *figures, seen[name], style=style)
    return table


def _harmless(found: Record) -> list[str]:
    return ["harmless"] if found.harmless.attempts else []


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        text = number in {0, len(columns) - 1}
        table.add_column(column, justify="left" if text else "right", no_wrap=True)
    return table


def _dead_letters(found: Record, console: Console) -> None:
    dead: dict[tuple[str, str], int] = {}
    for each in found.attempts:
        if each.dead_letter:
            key = each.trick, each.dead_letter.partition(":")[0]
            dead[key] = dead.get(key, 0) + 1
    for (trick, reason), count in dead.items():
        console.print(f"{count} became dead letters under {trick}, neither passed nor flagged: {escape(reason)}")
