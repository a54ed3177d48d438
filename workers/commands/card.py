"""``sluice card``: measure a model of rendered scenes again and write its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workers.commands.options import Font
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.plain import say


@with_settings("images", "policies", "log")
def card(
    settings: Settings,
    folder: Annotated[
        Path | None, typer.Argument(help="A folder that `sluice train` wrote; default: the bundled model.")
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Scenes of each kind; the rest in proportion.")] = 2708,
    hand: Annotated[
        list[Path] | None,
        typer.Option(help="Measure in this hand as well: a folder of drawings, or a font of outlines; repeatable."),
    ] = None,
    font: Font = None,
) -> None:
    """Measure a model of rendered emoji scenes again, every table of its card, and write the card."""
    from workers.lab import card as model_card  # noqa: PLC0415 - seconds of torch, which --help goes without

    say(model_card.measure_again(settings, folder, scenes, model_card.Drawings(font, tuple(hand or ()))))
