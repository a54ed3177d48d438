"""``sluice archive run``: the archiver."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.archiver.run import keep_archive
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("kafka", "topics", "consumer", "store", "fetch", "archiver", "service", "log")
def run(
    settings: Settings,
    to: Annotated[
        str,
        typer.Option("--to", metavar="FOLDER|s3://...|gs://...|az://...", help="Where the archive lies."),
    ],
) -> None:
    """Keep features records, policy sets and reviews in an archive, until SIGTERM.

    It is a consumer group of its own, of one process or several. Whatever happens, every event stands in the archive
    once. On SIGTERM it keeps what it holds, commits and leaves. While the store is away or full it waits.
    """
    keep_archive(settings, to)
