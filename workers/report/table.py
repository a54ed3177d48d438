"""A report on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from rich.table import Table

from pipeline.lab.drift.record import Report
from pipeline.wire import Verdict
from workers.report import words
from workers.terminal.console import Terminal, told

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def show(report: Report, terminal: Terminal) -> None:
    terminal.out.print(_table(("day", "images", "rows", *VERDICTS), _days(report), words_at=(0,)))
    if report.policies:
        head = ("policy", "matches", "before", "mean, median, 90 %, 99 %", "before", "stability", "")
        terminal.out.print(_table(head, policy_rows(report), words_at=(0, 6)))
    terminal.print(told(words.of_features(report.features)))
    terminal.print(told((words.in_words(report), "dim")))


def policy_rows(report: Report) -> Iterable[tuple[str, ...]]:
    """A row a policy: its rate and scores on the last day and before, and whether that is more than chance."""
    for each in report.policies:
        yield (
            each.policy,
            words.rate(each.rate),
            words.rate(each.rate_before),
            words.scores(each.scores),
            words.scores(each.scores_before),
            words.stability(each),
            words.said(each),
        )


def _days(report: Report) -> Iterable[tuple[str, ...]]:
    for each in report.days:
        counts = (f"{each.verdicts.get(verdict, 0):,}" for verdict in VERDICTS)
        yield (each.day, f"{each.images:,}", f"{each.rows:,}", *counts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], words_at: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(head):
        table.add_column(name, justify="left" if at in words_at else "right")
    for row in rows:
        table.add_row(*map(told, row))
    return table
