"""``sluice scan``: judge pictures on disk."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Event
from time import monotonic
from typing import Annotated

import typer

from pipeline.adapters.local.files import FileFetcher, FileSource
from pipeline.errors import StopError, UsageError
from pipeline.ports import Store
from workers import assembly
from workers.archive.into import kept_in, remembering
from workers.archive.options import ArchiveInto
from workers.assembly import Judge
from workers.commands.options import NameSkipped, Pictures
from workers.policies.other_model import SayOtherModel
from workers.process.interrupts import keeping
from workers.scan.named import NAMED, Named, Skipped, counted, from_the_first
from workers.scan.report import UNREAD, ScanReport
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import ReaderGoneError

EXIT_READER_GONE = 141
"""The status by which a shell tells of a program that wrote into a closed pipe.

It is not 0, because files that were not looked at are not clean.
"""


@with_settings("model", "images", "policies", "log")
def scan(
    settings: Settings,
    paths: Pictures,
    as_json: Annotated[bool, typer.Option("--json", help="One decision a line.")] = False,
    name_skipped: NameSkipped = False,
    archive: ArchiveInto = None,
) -> int:
    """Judge pictures on disk: a line for each, and an exit status.

    0: every picture was judged, and nothing flagged. 1: something was flagged. 2: something could not be judged: a
    damaged or unreadable file, a kind of picture that is not taken, a path that is not there. 3: both. A folder's
    files are told by their content; those that are no pictures are named at the end and change no status. With
    --archive, what is known of each picture is kept, to be asked by `sluice backtest` and `sluice search`.
    """
    settings, store = remembering(settings, archive, "scan")
    terminal, skipped = Terminal(), Skipped(None if name_skipped else NAMED)
    files = from_the_first(Named(paths, skipped))
    if files is None:
        raise UsageError(*skipped.lines())
    with terminal.status("loading the model and the policies"):
        judge = assembly.judge(settings, assembly.load_model(settings), SayOtherModel())
    with terminal.counting("scanning") as counter:
        report = ScanReport(terminal, as_json=as_json, advance=counter.advance)
        with keeping(lambda: f"interrupted: {report}"):
            try:
                _run(settings, judge, counted(files, counter.of), report, store)
            except StopError as error:
                if isinstance(error.__cause__, ReaderGoneError):
                    return EXIT_READER_GONE
                terminal.note(f"sluice: {error}; so far {report}")
                return report.exit_status | UNREAD
    for line in skipped.lines():
        terminal.note(line)
    return report.exit_status | (UNREAD if skipped.barren else 0)


def _run(
    settings: Settings, judge: Judge, files: Iterable[str | None], report: ScanReport, store: Store | None
) -> None:
    done = Event()
    source, fetcher = FileSource(files, done, monotonic), FileFetcher(settings.fetch_max_bytes)
    with (
        kept_in(store, settings.features_topic, report, judge) as publisher,
        assembly.moderator(settings, judge, source, publisher, fetcher, report, in_order=True) as moderator,
    ):
        moderator.run(done)
