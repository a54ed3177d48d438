"""A report on the terminal; intervals and quantiles are on the page and in the JSON."""

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
        head = ("policy", "matches", "before", "score", "before", "stability", "")
        terminal.out.print(_table(head, _policies(report), words_at=(0, 6)))
    terminal.print(told(words.of_features(report.features)))
    terminal.print(told((words.in_words(report), "dim")))


def _policies(report: Report) -> Iterable[tuple[str, ...]]:
    for each in report.policies:
        rates = words.percent(each.rate), words.percent(each.rate_before)
        means = words.mean(each.scores), words.mean(each.scores_before)
        yield (each.policy, *rates, *means, words.stability(each), words.said(each))


def _days(report: Report) -> Iterable[tuple[str, ...]]:
    for each in report.days:
        counts = (f"{each.verdicts.get(verdict, 0):,}" for verdict in VERDICTS)
        yield (each.day, f"{each.images:,}", f"{each.rows:,}", *counts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], words_at: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for at, name in enumerate(head):
        table.add_column(name, justify="left" if at in words_at else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(told, row))
    return table
