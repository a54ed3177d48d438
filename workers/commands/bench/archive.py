"""``sluice bench archive``: how fast an archive is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("log")
def archive(
    settings: Settings,  # noqa: ARG001 - a bench of this machine, whatever is set
    rows: Annotated[
        int, typer.Option(min=1000, help="Of that archive; 1.8 KB each, in a temporary folder.")
    ] = 200_000,
    inside: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Make that folder in this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how fast an archive is asked, by backtests and searches, beside copying its bytes."""
    from workers.bench.archive.run import run  # noqa: PLC0415 - it brings torch

    run(rows, inside, as_json=as_json)
