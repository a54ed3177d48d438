"""``sluice archive report``: how much is decided, and what drifts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.lab.drift.compare import compared
from pipeline.lab.drift.tally import tallied
from workers.archive.opening import nothing_in, opened_archive, periods_in
from workers.archive.options import ArchiveAt, Day
from workers.archive.reading import reading
from workers.commands.options import AsJson
from workers.report.metrics import metrics
from workers.report.page import page
from workers.report.table import show
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.reports import check_writable, write_report


@with_settings("store", "fetch", "log")
def report(
    settings: Settings,
    archive: ArchiveAt = None,
    day: Day = None,
    html: Annotated[Path | None, typer.Option(help="Write it as one page, with charts.")] = None,
    to_prometheus: Annotated[
        Path | None,
        typer.Option("--metrics", metavar="FILE.prom", help="Write it for node exporter's textfile collector."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how much is decided, and how policies and images drift: a day beside the month before.

    Rows of one model and preprocessing are compared: those of most of the day.
    """
    for option, path in (("--html", html), ("--metrics", to_prometheus)):
        check_writable(option, path)
    terminal = Terminal()
    with opened_archive(settings, archive) as opened:
        of = periods_in(opened, day)
        segments = [*of.before, *of.last]
        with reading(terminal, "counting", segments) as advance:
            days = tallied(opened, segments, advance)
        if not days or days[-1].day != of.day:
            raise nothing_in(opened, of.window, of.kind)
        found = compared(opened.store.address, opened.segments(), of, days)
    if html is not None:
        write_report("--html", html, page(found))
    if to_prometheus is not None:
        write_report("--metrics", to_prometheus, metrics(found))
    if as_json:
        terminal.json(found.as_json())
    else:
        show(found, terminal)
