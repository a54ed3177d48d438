"""``sluice archive compact``: fewer and larger segments, by hand."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.archive.tidying.compaction import Compactor, Merged
from workers.archive.opening import opened_archive
from workers.archive.options import ArchiveAt
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import day_of
from workers.terminal.console import Terminal, told
from workers.terminal.plain import say

EXIT_LEFT = 1
GRACE = 30.0
"""Seconds for which what was merged stays, for readers that have it open: who compacts by hand waits for it."""


@with_settings("store", "fetch", "log")
def compact(
    settings: Settings,
    archive: ArchiveAt = None,
    before: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Days before that one; default: today, in UTC.")
    ] = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds until what was merged goes, for readers that have it open.")
    ] = GRACE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a merged segment.")] = False,
) -> int:
    """Merge the small segments of days that are over, and drop repeats of an event.

    Archivers do so in the background. Our readers, archivers and erasures may go on meanwhile: each event is there
    once at any moment. Other programs may see rows twice until what was merged is gone. Exit status 1: something is
    left as it is, since a segment is damaged; each is named.
    """
    terminal, day = Terminal(), day_of("--before", before) or datetime.now(UTC).date()
    with opened_archive(settings, archive) as opened:
        compactor = Compactor(opened.store, grace=grace)
        with terminal.status("merging"):
            for merged in compactor.merge(day):
                _tell(terminal, merged, as_json=as_json)
        problems = compactor.problems
        compactor.sweep()
        with terminal.status("waiting for those who read what was merged"):
            time.sleep(compactor.waiting)
        gone = compactor.sweep()
    if not as_json:
        terminal.print(told(f"{gone.segments:,} segments went that were merged into others"))
    for problem in problems:
        say(problem, err=True)
    return EXIT_LEFT if problems else 0


def _tell(terminal: Terminal, merged: Merged, *, as_json: bool) -> None:
    if as_json:
        counts = {name: value for name, value in merged._asdict().items() if name != "name"}
        terminal.json(json.dumps({"path": merged.name.path, **counts}))
        return
    repeats = f", {merged.repeats:,} repeats left out" if merged.repeats else ""
    terminal.print(told(f"{merged.name}: {merged.segments:,} segments, {merged.rows:,} rows{repeats}"))
