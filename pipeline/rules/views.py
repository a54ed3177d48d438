"""Which parts of a still the model looks at: boxes to cut and sizes to scale them to. No pixels in here.

An ordinary still has one view, the one of open_clip's own recipe. A strip or a panorama also gets tiles, so that
nothing of it is cropped out of sight or squashed flat::

    ratio < 2          [   centre   ]
    2 <= ratio <= 8    centre + up to 8 squares side by side, overlapping evenly
    ratio > 8          centre + 8 tiles, each a stretch of the strip folded into rows like lines of text
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in source pixels."""

EXTREME_RATIO = 2.0
MAX_TILES = 8
OVERLAP = 1.25
"""So many times the tiles that would just cover it: what one tile cuts in two, its neighbour shows whole."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Scale what lies in ``box`` to ``size`` (width, height) and put it at ``at`` (x, y) of the view."""

    box: Box
    size: tuple[int, int]
    at: tuple[int, int] = (0, 0)


View = tuple[Piece, ...]
"""One image for the model; what no piece covers stays empty."""


def views(size: tuple[int, int], target: tuple[int, int], resize_mode: str) -> list[View]:
    """All views of a still of `size` (width, height) for a model that takes `target` (width, height)."""
    return [centre(size, target, resize_mode), *tiles(size, target)]


def recipe(
    size: tuple[int, int], target: tuple[int, int], resize_mode: str
) -> tuple[tuple[int, int], tuple[int, int]]:
    """open_clip's recipe: the (width, height) to scale to, and the (x, y) from where to crop, below 0 to pad.

    Source: ``open_clip.transform.image_transform`` and torchvision's ``Resize`` and ``CenterCrop``, whose rounding
    is kept.
    """
    if resize_mode == "squash":
        return target, (0, 0)
    scaled = _scaled(size, target, resize_mode)
    x, y = (
        round((length - kept) / 2.0) if length > kept else -((kept - length) // 2)
        for length, kept in zip(scaled, target, strict=True)
    )
    return scaled, (x, y)


def interpolation(target: tuple[int, int], resize_mode: str, configured: str) -> str:
    """How to scale: open_clip scales to a model that is not square by cubic interpolation, whatever is configured."""
    return "bicubic" if resize_mode == "shortest" and target[0] != target[1] else configured


def centre(size: tuple[int, int], target: tuple[int, int], resize_mode: str) -> View:
    """The one view of the recipe, as a box of the source: all but the same pixels, and none scaled to be cropped.

    Pillow keeps a box in single precision, so some pixels differ by one level of 255. For a 1x20000 strip the box
    spares the recipe's gigapixel.
    """
    scaled, crop = recipe(size, target, resize_mode)
    spans = [_span(*each) for each in zip(size, scaled, target, crop, strict=True)]
    (left, right, width, x), (top, bottom, height, y) = spans
    return (Piece((left, top, right, bottom), (width, height), (x, y)),)


def _scaled(size: tuple[int, int], target: tuple[int, int], resize_mode: str) -> tuple[int, int]:
    """Width and height that the recipe scales a still to before it crops or pads."""
    (width, height), (across, down) = size, target
    if resize_mode == "shortest" and across == down:
        scaled = int(across * max(size) / min(size))
        return (across, scaled) if width <= height else (scaled, across)
    ratios = (width / across, height / down)
    ratio = max(ratios) if resize_mode == "longest" else min(ratios)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _span(source: int, scaled: int, target: int, crop: int) -> tuple[float, float, int, int]:
    """Along one side: start and end in the source, length in the view, and its offset there."""
    if scaled <= target:
        return 0.0, float(source), scaled, -crop
    step = source / scaled
    return crop * step, min((crop + target) * step, float(source)), target, 0


def tiles(size: tuple[int, int], target: tuple[int, int]) -> list[View]:
    """Views that together cover a still whose sides are at least `EXTREME_RATIO` apart; none for others."""
    long, short = max(size), min(size)
    ratio = long / short
    if ratio < EXTREME_RATIO:
        return []
    upright = size[1] > size[0]
    count = min(math.ceil(ratio * OVERLAP), MAX_TILES)
    length = max(float(short), long / count)
    starts = [index * (long - length) / (count - 1) for index in range(count)]
    return [_fold(start, min(start + length, float(long)), short, target, upright=upright) for start in starts]


def _fold(start: float, end: float, short: int, target: tuple[int, int], *, upright: bool) -> View:
    """A stretch of a strip broken into so many equal rows that it comes out about square."""
    across, down = target
    rows = min(max(1, round(math.sqrt((end - start) / short))), down, across)
    step = (end - start) / rows
    pieces = []
    for row in range(rows):
        low, high = start + row * step, min(start + (row + 1) * step, end)
        extent = down if not upright else across
        edge, next_edge = row * extent // rows, (row + 1) * extent // rows
        if upright:
            pieces.append(Piece((0.0, low, float(short), high), (next_edge - edge, down), (edge, 0)))
        else:
            pieces.append(Piece((low, 0.0, high, float(short)), (across, next_edge - edge), (0, edge)))
    return tuple(pieces)
