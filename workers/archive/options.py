"""The options of commands that read an archive, each in the same words."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.settings import variable
from workers.settings.times import WHEN

ArchiveAt = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="FOLDER|s3://...|gs://...|az://...",
        help=f"The archive to read. [{variable('archive_at')}]",
        show_default=False,
    ),
]
ArchiveInto = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="FOLDER|s3://...|gs://...|az://...",
        help="Keep what is known of each image there, as an archiver does.",
        show_default=False,
    ),
]
Since = Annotated[str | None, typer.Option("--since", help=f"Decided since then: {WHEN}.", show_default=False)]
Until = Annotated[str | None, typer.Option("--until", help=f"Decided before then: {WHEN}.", show_default=False)]
Day = Annotated[
    str | None,
    typer.Option("--day", metavar="YYYY-MM-DD", help="The day, in UTC; default: the newest.", show_default=False),
]
