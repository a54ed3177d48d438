"""Which parts of a still the model looks at: boxes to cut out, and sizes to scale them to.

With ``whole`` coverage every part of every still lies in a view. A still that is nearly square is squashed into one;
a longer one is cut into overlapping stretches, squashed less. Ratios below are long side to short side::

    ratio <= 4/3         [ all of it, squashed ]
    4/3 < ratio <= 8.3   2 to 8 stretches side by side, 1.15 to 4/3 as long as wide, a third or more of it shared
    ratio > 8.3          8 stretches, each folded into rows like lines of text, and the centre

With ``close`` coverage there are close-ups beside these, for small things in large pictures. With ``centre`` coverage
an ordinary still has one view, that of open_clip's own recipe, which crops; from a ratio of 2 on it also has square
stretches. Margins and panels in a still change its views once more: see `pipeline.rules.images.layout`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the still."""
Size = tuple[int, int]
"""Width, height."""
Coverage = Literal["whole", "close", "centre"]
Look = Coverage | Literal["tiles"]
"""A coverage, or what a second look takes: tiles alone."""

BEARABLE = 4 / 3
"""How far a still may be squashed for a model whose recipe crops.

CLIP's and open_clip's models learned from random crops of ratios 3:4 to 4:3, squashed into a square (torchvision's
``RandomResizedCrop``); of longer pictures, always from crops of just that ratio.
"""
ROUNDING = 1.02
"""A still of 1000 x 740 counts as one of 4:3."""
SHARED = 1 / 3
"""The least share of its width that a stretch has in common with the next: a thing that long is whole in one."""
LEAST_STRETCH = 1.15
"""The least length of a stretch, as a share of its width. At 16:9 and 2:1, squares would share so little that a large
thing in the middle is cut in two by both."""
CLOSE = 0.6
"""The width of a close-up, as a share of the still's short side."""
MAX_TILES = 8
MAX_VIEWS = 16
"""Views of one still at most, whatever it shows and however long it is; backdrops are not counted."""
TILE, TILES_ALONG = 0.5, 3
"""The side of a tile, as a share of the still's short side, and how many there are along each side."""
CENTRE_RATIO = 2.0
"""With ``centre`` coverage, a still has stretches beside the centre from this ratio on.

Recipes that squash or pad the whole still into a view are trusted up to this ratio with any coverage.
"""
CENTRE_OVERLAP = 1.25
"""With ``centre`` coverage, a still has that many times the stretches that would just cover it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What lies in ``box``, scaled to ``size`` and put at ``at`` (x, y) of the view."""

    box: Box
    size: Size
    at: tuple[int, int] = (0, 0)


View = tuple[Piece, ...]
"""One image for the model; what no piece covers stays empty."""


def views(size: Size, target: Size, resize_mode: str, coverage: Look = "whole") -> list[View]:
    """All views of a still of `size` for a model that takes `target`, the same for all stills of that size.

    At most `MAX_VIEWS`. A panorama, whose stretches are close to it already, gets no close-ups beyond that.
    """
    if coverage == "tiles":
        return _tiles(size, target)
    if coverage == "centre":
        return [centre(size, target, resize_mode), *_squares(size, target)]
    covering = _whole(size, target, resize_mode)
    closer = _close_ups(size, target) if coverage == "close" else []
    return covering + closer if len(covering) + len(closer) <= MAX_VIEWS else covering


def views_within(box: Box, target: Size, resize_mode: str, coverage: Look = "whole") -> list[View]:
    """The views of a part of a still, whose corners are whole pixels, as of a still of its own."""
    left, top, right, bottom = box
    size = round(right - left), round(bottom - top)
    return [moved(view, left, top) for view in views(size, target, resize_mode, coverage)]


def moved(view: View, across: float, down: float) -> View:
    """The same view of what lies `across` pixels further right and `down` pixels further down."""
    return tuple(
        replace(piece, box=(left + across, top + down, right + across, bottom + down))
        for piece in view
        for left, top, right, bottom in [piece.box]
    )


def bounds(view: View, size: Size) -> Box:
    """What a view shows of a still of `size`, as fractions of it; of a folded view, the box around all its pieces."""
    width, height = size
    if len(view) == 1:  # nearly always, and a tenth of the time
        left, top, right, bottom = view[0].box
        return left / width, top / height, right / width, bottom / height
    lefts, tops, rights, bottoms = zip(*[piece.box for piece in view], strict=True)
    return min(lefts) / width, min(tops) / height, max(rights) / width, max(bottoms) / height


def rescaled(view: View, full: Size, size: Size) -> View:
    """The same view of a still that is kept at another size than its `full` one."""
    (across, down), (width, height) = (size[0] / full[0], size[1] / full[1]), size
    return tuple(
        replace(piece, box=(left * across, top * down, min(right * across, width), min(bottom * down, height)))
        for piece in view
        for left, top, right, bottom in [piece.box]
    )


def recipe(size: Size, target: Size, resize_mode: str) -> tuple[Size, tuple[int, int]]:
    """open_clip's recipe: the size to scale to, and the (x, y) from where to crop, below 0 to pad.

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


def interpolation(target: Size, resize_mode: str, configured: str) -> str:
    """How to scale. For a model that is not square, open_clip takes cubic interpolation, whatever is configured."""
    return "bicubic" if resize_mode == "shortest" and target[0] != target[1] else configured


def centre(size: Size, target: Size, resize_mode: str) -> View:
    """The one view of the recipe, as a box of the still: nearly the same pixels, and none are scaled to be cropped.

    Pillow keeps a box in single precision, so some pixels differ by one level of 255. For a 1x20000 strip the box
    spares the recipe's gigapixel.
    """
    scaled, crop = recipe(size, target, resize_mode)
    spans = [_span(*each) for each in zip(size, scaled, target, crop, strict=True)]
    (left, right, width, x), (top, bottom, height, y) = spans
    return (Piece((left, top, right, bottom), (width, height), (x, y)),)


def _scaled(size: Size, target: Size, resize_mode: str) -> Size:
    """The size that the recipe scales a still to before it crops or pads."""
    (width, height), (across, down) = size, target
    if resize_mode == "shortest" and across == down:
        scaled = int(across * max(size) / min(size))
        return (across, scaled) if width <= height else (scaled, across)
    ratios = (width / across, height / down)
    ratio = max(ratios) if resize_mode == "longest" else min(ratios)
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def _span(length: int, scaled: int, target: int, crop: int) -> tuple[float, float, int, int]:
    """Along one side: start and end in the still, length in the view, and where it begins there."""
    if scaled <= target:
        return 0.0, float(length), scaled, -crop
    step = length / scaled
    return crop * step, min((crop + target) * step, float(length)), target, 0


def _whole(size: Size, target: Size, resize_mode: str) -> list[View]:
    """Views that together hold all of a still."""
    (width, height), (across, down) = size, target
    stretch = width * down / (height * across)
    ratio = max(stretch, 1 / stretch)
    crops = resize_mode == "shortest"
    if ratio <= (BEARABLE * ROUNDING if crops else CENTRE_RATIO):
        everything = (Piece((0.0, 0.0, float(width), float(height)), target),)
        return [everything if crops else centre(size, target, resize_mode)]
    count = min(math.ceil((ratio - SHARED) / (BEARABLE - SHARED)), MAX_TILES)
    length = max(LEAST_STRETCH, (ratio + (count - 1) * SHARED) / count)
    short = height * across / down if stretch > 1 else width * down / across
    if length <= BEARABLE * ROUNDING:
        return _along(size, target, count, length * short, upright=stretch < 1)
    return [centre(size, target, resize_mode), *_along(size, target, count, 0.0, upright=stretch < 1)]


def _close_ups(size: Size, target: Size) -> list[View]:
    """Overlapping parts of a still, all of one size; none where they would be enlarged for the model."""
    side = min(size) * CLOSE
    if side < max(target):
        return []
    width, height = size
    lefts, tops = _starts(width, side), _starts(height, side)
    boxes = [(x, y, min(x + side, width), min(y + side, height)) for y in tops for x in lefts]
    return [(Piece(box, target),) for box in boxes]


def _tiles(size: Size, target: Size) -> list[View]:
    """Squares at even distances from edge to edge, enlarged for the model where they must be."""
    side = min(size) * TILE
    lefts, tops = ([at * (length - side) / (TILES_ALONG - 1) for at in range(TILES_ALONG)] for length in size)
    return [(Piece((x, y, x + side, y + side), target),) for y in tops for x in lefts]


def _starts(length: int, side: float) -> list[float]:
    """Where parts of a line begin, side by side, evenly, overlapping by a quarter or more; at most `MAX_TILES`."""
    count = min(max(2, math.ceil((length / side - 0.25) / 0.75)), MAX_TILES)
    return [index * (length - side) / (count - 1) for index in range(count)]


def _squares(size: Size, target: Size) -> list[View]:
    """Square views that together hold a still whose sides are at least `CENTRE_RATIO` apart; none for others."""
    ratio = max(size) / min(size)
    if ratio < CENTRE_RATIO:
        return []
    count = min(math.ceil(ratio * CENTRE_OVERLAP), MAX_TILES)
    return _along(size, target, count, float(min(size)), upright=size[1] > size[0])


def _along(size: Size, target: Size, count: int, length: float, *, upright: bool) -> list[View]:
    """`count` stretches of `length`, or longer where it takes that to cover the still, evenly from end to end."""
    long, short = (size[1], size[0]) if upright else size
    length = max(length, long / count)
    starts = [index * (long - length) / (count - 1) for index in range(count)]
    return [_fold(start, min(start + length, float(long)), short, target, upright=upright) for start in starts]


def _fold(start: float, end: float, short: int, target: Size, *, upright: bool) -> View:
    """A stretch of a strip, broken into as many equal rows as make it about square."""
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
