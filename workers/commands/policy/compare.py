"""``sluice policy compare``: what two policies said of the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import ServiceError, UsageError
from workers.archive.options import ArchiveAt, Since, Until
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.compare import show
from workers.terminal.console import Terminal
from workers.terminal.plain import say_json
from workers.terminal.reports import check_writable, write_report

A = Annotated[str, typer.Argument(metavar="A", help="Id of a policy.")]
B = Annotated[str, typer.Argument(metavar="B", help="Id of the other, such as the one that A is a shadow of.")]
Html = Annotated[Path | None, typer.Option(help="Write the results to this page, too, with pictures.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=0, max=1000, help="Images to tell of that only one flags.")]
InTopic = Annotated[bool, typer.Option("--topic", help="Read the decisions topic, though there is an archive.")]


@with_settings("kafka", "topics", "images", "fetch", "store", "log")
def compare(
    settings: Settings,
    a: A,
    b: B,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    topic: InTopic = False,
    limit: Limit = 50,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Hold two policies against each other: what both flag, only one of them, and what reviewers get of each.

    It goes by the scores that decisions have of both, of the archive or, where there is none and with --topic, of the
    decisions topic. Pictures on the page are the archive's, or of a topic those of the events that Kafka still holds.
    No model is loaded and nothing is judged again: for a wording that never was live there is `sluice backtest`.
    """
    if a == b:
        raise UsageError(f"{a} agrees with itself; name two policies")
    check_writable("--html", html)
    window = window_of(since, until)
    from pipeline.lab.comparing.tally import Tally  # noqa: PLC0415 - numpy and pyarrow, which usage errors do without
    from workers.policies.compare import in_archive, in_topic  # noqa: PLC0415

    tally = Tally(a, b, limit)
    try:
        if topic or not (archive or settings.archive_at):
            found = in_topic(settings, window, tally)
            if html is not None:
                from workers.policies.compared_pictures import with_events  # noqa: PLC0415 - decoders

                found = with_events(settings, archive, found)
        else:
            found = in_archive(settings, archive, window, tally)
    except ServiceError as error:
        if topic or archive or settings.archive_at:
            raise
        raise ServiceError(f"{error}; or compare in an archive (--archive)") from error
    if html is not None:
        from pipeline.lab.comparing.page import page  # noqa: PLC0415

        write_report("--html", html, page(found).encode())
    if as_json:
        from pipeline.lab.comparing.record_json import record_json  # noqa: PLC0415

        say_json(record_json(found))
    else:
        show(found, Terminal())
