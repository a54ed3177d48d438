"""``sluice archive list``: the segments."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.archive.holdings import contents_of
from workers.archive.opening import opened_archive, segments_in
from workers.archive.options import ArchiveAt, Since, Until
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal, told


@with_settings("store", "fetch", "log")
def list(  # noqa: A001 - the command's name
    settings: Settings,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a segment.")] = False,
) -> None:
    """List an archive's segments, a line each: their records, events, rows and bytes.

    Of all days that --since and --until touch, as a whole. Those that were merged into others, and are still there
    for who reads them, are left out.
    """
    terminal, window = Terminal(), window_of(since, until)
    with opened_archive(settings, archive) as opened:
        segments = segments_in(opened, window)
        with terminal.counting("reading what segments say", len(segments)) as counter:
            for segment, of in contents_of(opened.store, segments, counter.advance):
                if as_json:
                    said = {"path": segment.path, "start": of.start, "end": of.end, "events": of.events}
                    terminal.json(json.dumps(said | {"rows": of.rows, "bytes": segment.stored.bytes}))
                    continue
                size = segment.stored.bytes / 1e6
                counted = (
                    f"records {of.start} to {of.end - 1}, {of.events:,} events, {of.rows:,} rows, {size:,.1f} MB"
                )
                terminal.print(told(f"{segment.path}: {counted}"))
