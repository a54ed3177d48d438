"""Where many rows of an archive are looked at at once: on the device that the model would have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.rules.heads import CompiledPolicies
from workers.settings import Settings

if TYPE_CHECKING:  # Parquet's library, which nobody needs who asks no archive
    from pipeline.lab.backtest.bounds import Screen


def screen(settings: Settings, sets: Sequence[CompiledPolicies]) -> Screen:
    """A screen for these policy sets. Raises `ModelError` for a device that is not there."""
    from pipeline.adapters.open_clip import choose_device
    from pipeline.lab.backtest.screen.look import FastLook

    return FastLook(sets, choose_device(settings.device))
