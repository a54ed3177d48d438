"""Options that several commands have, each in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
