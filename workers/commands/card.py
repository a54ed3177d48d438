"""``sluice card``: measure a model of rendered scenes again and write its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from workers.options import with_settings
from workers.settings import Settings
from workers.terminal.plain import say


@with_settings("images", "policies", "log")
def card(
    settings: Settings,
    folder: Annotated[
        Path | None, typer.Argument(help="A folder that `sluice train` wrote; default: the bundled model.")
    ] = None,
    scenes: Annotated[int, typer.Option(min=1, help="Scenes of each kind; the rest in proportion.")] = 2708,
    font: Annotated[Path | None, typer.Option(help="NotoColorEmoji.ttf, where the system has none.")] = None,
) -> None:
    """Measure a model of rendered emoji scenes again, every table of its card, and write the card."""
    from pipeline.adapters.open_clip import BUNDLED_MODEL
    from pipeline.lab.evaluation.card import CARD_FILE
    from pipeline.lab.training.record import TrainingRecord
    from pipeline.lab.training.run import SCENES_DATA
    from workers.lab import card as model_card

    where = folder or BUNDLED_MODEL
    record = TrainingRecord.read(where)
    if record.data != SCENES_DATA:
        raise UsageError(f"{where} learned from {record.data}: measure it with `sluice evaluate`")
    said = model_card.write_for_scenes(settings, where, record, model_card.amounts(scenes), font)
    say(f"{said} The whole card is in {where / CARD_FILE}")
