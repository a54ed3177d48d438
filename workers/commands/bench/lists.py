"""``sluice bench lists``: what lists of known pictures cost."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.bench.known import run
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("log")
def lists(
    settings: Settings,  # noqa: ARG001 - a bench of this machine, whatever is set
    entries: Annotated[int, typer.Option(min=1, max=2_000_000, help="Of each of the lists.")] = 1_000_000,
    as_json: AsJson = False,
) -> None:
    """Measure what lists of known pictures cost: to read them, and to look for an image in them."""
    run(entries, as_json=as_json)
