"""What becomes of an animation's frame when the next one is due."""

from __future__ import annotations

from enum import Enum


class Disposal(Enum):
    """As in GIF and APNG."""

    STAYS = 0
    CLEARED = 2
    TAKEN_BACK = 3
