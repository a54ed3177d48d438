"""Options that several commands have, each in the same words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.wire import SEVERITY

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]
Font = Annotated[Path | None, typer.Option(help="NotoColorEmoji.ttf, where the system has none.")]
PolicyFolder = Annotated[Path | None, typer.Argument(help="Folder of policies; default: --policies.")]
Pictures = Annotated[list[str], typer.Argument(help="Files, folders (searched all the way down) and globs.")]
NameSkipped = Annotated[
    bool, typer.Option("--name-skipped", help="Name every file that is no picture, not only the first 20.")
]
MaxNew = Annotated[
    str | None,
    typer.Option(
        metavar="N|N%", help="Exit with 1 where more events are newly flagged: a number, or a share of all."
    ),
]
MaxLetGo = Annotated[
    str | None, typer.Option(metavar="N|N%", help="Exit with 1 where more events are let go that were flagged.")
]
OnePolicy = Annotated[str, typer.Argument(metavar="POLICY", help="The policy's id.")]
Labels = Annotated[Path | None, typer.Option(help="Go by a CSV file of reviews, not by the archive's own.")]


def known_verdicts(named: Iterable[str]) -> frozenset[str]:
    """Those verdicts. Raises `UsageError` for one that no decision has."""
    verdicts = frozenset(named)
    if unknown := verdicts.difference(SEVERITY):
        raise UsageError(f"no decision has the verdict {min(unknown)!r}; there are {', '.join(SEVERITY)}")
    return verdicts
