"""Which parts of a view does a score need: the model is shown the view with parts of it taken away, by chance.

RISE (Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models"), with blur in place
of black: a black hole is a thing too, and CLIP has words for it. A pixel's weight is how far scores go along with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.items import Pixels
from pipeline.lab.explain.fills import blurred

MASKS = 96
CELLS = 7
"""Cells along each side of the grid by which parts are kept or taken away, shifted by chance."""
KEPT = 0.5
_SEED = 0

Masks = NDArray[np.float32]
"""``float32[N,H,W]``: 1 where the view is kept, 0 where it is taken away, and between them at the edges."""


def masks(size: tuple[int, int], count: int = MASKS) -> Masks:
    """That many masks, always the same for views of that height and width."""
    random = np.random.default_rng(_SEED)
    height, width = size
    down, across = -(-height // CELLS), -(-width // CELLS)
    made = []
    for _ in range(count):
        grid = (random.random((CELLS + 1, CELLS + 1)) < KEPT).astype(np.float32)
        large = Image.fromarray(grid).resize(((CELLS + 1) * across, (CELLS + 1) * down), Image.Resampling.BILINEAR)
        top, left = int(random.integers(down)), int(random.integers(across))
        made.append(np.asarray(large)[top : top + height, left : left + width])
    return np.stack(made)


def masked(view: Pixels, chosen: Masks) -> Pixels:
    """``uint8[N,H,W,3]``: ``uint8[H,W,3]`` through each mask, blurred where it is taken away."""
    instead, kept = blurred(view).astype(np.float32), chosen[..., np.newaxis]
    return np.asarray((view * kept + instead * (1 - kept)).round().astype(np.uint8))


def followed(values: NDArray[np.float64], chosen: Masks) -> NDArray[np.float64]:
    """``float64[N,K]`` to ``float64[K,H,W]``: how far the values go along with each pixel's being kept.

    It is the covariance over the masks, divided by the deviation of the pixel, which is not kept as often everywhere.
    """
    apart = chosen - chosen.mean(axis=0)
    spread = np.sqrt((apart**2).sum(axis=0))
    along = np.tensordot((values - values.mean(axis=0)).T, apart.astype(np.float64), axes=1)
    return np.asarray(along / np.maximum(spread, np.finfo(np.float32).eps))
