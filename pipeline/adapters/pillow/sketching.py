"""Makes sketches of stills, for `pipeline.rules.images.borders`."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.rules.images.borders import Sketch
from pipeline.rules.images.views import Box

SIDE = 72
"""Pixels each way, about: fewer lose the edge of a blurred bar, more cost time."""


def sketch_of(whole: Image.Image) -> Sketch:
    """The sketch of a still that has been squashed into a view already; costs some 20 us."""
    return _planes(whole.reduce(max(1, round(min(whole.size) / SIDE))))


def sketch_from(still: Image.Image) -> Sketch:
    """The sketch of a still of any size, smoothly scaled: uneven pixels would make edges."""
    return _planes(still.resize(_side(*still.size), Image.Resampling.BICUBIC, None, 2.0))


def sketch_within(still: Image.Image, box: Box) -> Sketch:
    """The sketch of a part of a still, unsmoothed: a smooth one rings beside a picture's edge."""
    left, top, right, bottom = box
    return _planes(still.resize(_side(right - left, bottom - top), Image.Resampling.BOX, box, 1.0))


def _side(width: float, height: float) -> tuple[int, int]:
    return max(1, min(int(width), SIDE)), max(1, min(int(height), SIDE))


def _planes(small: Image.Image) -> Sketch:
    """``uint8[C,H,W]``. Premultiplied colours and alpha together say how it looks over black and over white."""
    pixels = np.asarray(small)
    return pixels[np.newaxis] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))  # noqa: PLR2004
