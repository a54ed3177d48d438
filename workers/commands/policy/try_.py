"""``sluice policy try``: wordings side by side on pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.errors import UsageError
from workers import assembly
from workers.archive.options import ArchiveAt, Since, Until
from workers.commands.options import AsJson, NameSkipped
from workers.settings import Settings, variable
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import say_json
from workers.terminal.reports import check_writable, write_report

if TYPE_CHECKING:
    from pipeline.lab.wordings.record import Pictured

THRESHOLDS = (0.5, 0.9)

Words = Annotated[str, typer.Argument(metavar="WORDS", help="What a picture shows that matches.")]
Against = Annotated[list[str] | None, typer.Option(metavar="WORDS", help="Other words for it; repeatable.")]
On = Annotated[list[str] | None, typer.Option("--on", help="A file, a folder or a glob to judge; repeatable.")]
Top = Annotated[int, typer.Option("--top", "-n", min=1, max=1000, help="Images to show of each wording.")]
Threshold = Annotated[
    list[float] | None,
    typer.Option(min=0, max=1, help="Count images from this score on; repeatable. Default: 0.5 and 0.9."),
]
Html = Annotated[Path | None, typer.Option(help="Write the results to this page, too, with pictures.")]


@with_settings("store", "model", "images", "policies", "log")
def try_(
    settings: Settings,
    words: Words,
    against: Against = None,
    on: On = None,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    top: Top = 20,
    threshold: Threshold = None,
    name_skipped: NameSkipped = False,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Hold wordings against each other on pictures or an archive: what each would flag, sorted by score.

    Each is judged as a policy of its own with the folder's defaults and background; nothing is written to the folder.
    Images that are nearly the same are one line.
    """
    check_writable("--html", html)
    window = window_of(since, until)
    if on and (archive or since or until):
        raise UsageError("--on judges pictures on disk, and --archive, --since and --until what was decided; say one")
    if not on and not archive and not settings.archive_at:
        raise UsageError(f"on which pictures? say --on FOLDER or --archive A, or set {variable('archive_at')}")
    from workers.archive.opening import opened_archive  # noqa: PLC0415 - these bring numpy and Parquet's library
    from workers.policies.trying import Trying, on_archive, on_files  # noqa: PLC0415
    from workers.policies.wordings import check_wordings, judge_of  # noqa: PLC0415
    from workers.scan.named import NAMED, Named, Skipped, from_the_first  # noqa: PLC0415

    wordings = [words, *(against or ())]
    check_wordings(wordings)
    terminal, skipped = Terminal(), Skipped(None if name_skipped else NAMED)
    files = from_the_first(Named(on, skipped)) if on else None
    if on and files is None:
        raise UsageError(*skipped.lines())
    with terminal.status("loading the model and the background"):
        judge = judge_of(settings, assembly.load_model(settings), wordings)
    what = Trying(settings, judge, wordings, sorted(set(threshold or THRESHOLDS)), top)
    if on and files is not None:
        found = on_files(what, files, on, terminal)
    else:
        with opened_archive(settings, archive) as opened:
            found = on_archive(what, opened, window, terminal)
    for line in skipped.lines():
        terminal.note(line)
    _tell(found, terminal, html, as_json=as_json)


def _tell(found: Pictured, terminal: Terminal, html: Path | None, *, as_json: bool) -> None:
    if html is not None:
        from pipeline.lab.wordings.page import page  # noqa: PLC0415

        write_report("--html", html, page(found))
    if as_json:
        say_json(found.record.as_json())
    else:
        from workers.terminal.wordings import show  # noqa: PLC0415

        show(found.record, terminal)
