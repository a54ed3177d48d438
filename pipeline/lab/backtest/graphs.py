"""A backtest over its days, as charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pipeline.lab.backtest.moves import ACTIONS
from pipeline.lab.backtest.record import PolicyDay
from pipeline.lab.evaluation.columns import Kind, columns
from pipeline.lab.pages import note


def by_action(title: str, days: Sequence[PolicyDay]) -> str:
    """How many are flagged now, by the severest action, day by day."""
    kinds = [Kind(action, f"bar-{action}", [day.moves.after[action] for day in days]) for action in ACTIONS]
    return _drawn(title, days, [kind for kind in kinds if any(kind.counts)], ())


def by_change(title: str, days: Sequence[PolicyDay]) -> str:
    """How many are new and how many are let go, day by day; nothing where none is."""
    new = Kind("new", "bar", [day.moves.new for day in days])
    gone = Kind("let go", "bar-gone", [day.moves.let_go for day in days])
    if not any((*new.counts, *gone.counts)):
        return note("Nothing is new, and nothing is let go.")
    return _drawn(title, days, [new], [gone] if any(gone.counts) else ())


def _drawn(title: str, days: Sequence[PolicyDay], up: Sequence[Kind], down: Sequence[Kind]) -> str:
    if not up and not down:
        return note("Nothing is flagged.")
    shown = "".join(f"<i class={kind.style}></i>{kind.name}" for kind in (*up, *down))
    chart = columns(title, [date.fromisoformat(day.day) for day in days], up, down)
    return f"<p class=legend>{shown}</p>{chart}"
