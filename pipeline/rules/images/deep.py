"""Grey of 16 bits in 8, as viewers show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def eight_bits(levels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The high byte of each level; Pillow's own conversion clips, and makes nearly all of a picture white."""
    if levels.dtype != np.uint16:
        levels = levels.clip(0, 65535).astype(np.uint16)
    return (levels >> 8).astype(np.uint8)


def opacity(levels: NDArray[np.integer], hidden: int) -> NDArray[np.uint8]:
    """The alpha of grey where one level, `hidden`, is shown through."""
    return np.where(levels == hidden, 0, 255).astype(np.uint8)
