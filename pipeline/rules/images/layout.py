"""The views of a still that has margins or panels: bare margins are cut off, and panels have views of their own."""

from __future__ import annotations

import math
from collections.abc import Callable

from pipeline.rules.images.borders import Cut, Sketch, content, edged, panels
from pipeline.rules.images.views import BEARABLE, MAX_VIEWS, Box, Look, Piece, Size, View, views_within

MARGIN = 0.15
"""How much margin is kept around a thing that stands free, as a share of its longer side: models know things so.

A picture in a frame is cut out sharply.
"""
LEFT_OVER = 0.5
"""A share of the still: where a thing that stands free fills more, its margin included, nothing is cut off.

It is large enough, and another scale is another chance to take it for something else.
"""
SLIVER = 0.92
"""A share of the still: where more than that is left, even a frame was too thin to matter."""
SQUASHED_PANEL = 1.6
"""A panel of up to this ratio is squashed into one view; it is also seen as part of the whole."""
LONGEST_PANEL = 2.5
"""A longer one gets no view of its own: it is a bar, or a line of text."""


def is_plain(sketch: Sketch) -> bool:
    """Whether a still, all of which is in `sketch`, has neither margins nor panels, as most stills."""
    return content(sketch) is None and not panels(sketch)


def layout(
    sketch: Sketch,
    look_at: Callable[[Box], Sketch],
    size: Size,
    target: Size,
    resize_mode: str,
    coverage: Look = "whole",
) -> list[View] | None:
    """All views of a still of `size`, at most `MAX_VIEWS`, or None where it has neither margins nor panels.

    `sketch` is the whole still; `look_at` gives a sketch of a part of it, in whole pixels of the still.
    """
    region = (0.0, 0.0, float(size[0]), float(size[1]))
    cut, shown = content(sketch), region
    if cut is not None:
        rough = _in_pixels(cut, sketch, region)
        closer = look_at(rough)
        finer = content(closer)
        region = rough if finer is None else _in_pixels(finer, closer, rough)
        sharp = edged(sketch, cut)
        shown = _with_margin(region, sharp, size)
        least = SLIVER if _is_framed(sketch, cut, sharp) else LEFT_OVER
        if _area(shown) > least * size[0] * size[1]:
            shown = (0.0, 0.0, float(size[0]), float(size[1]))
        apart = [_in_pixels(each, closer, rough) for each in panels(closer, finer)]
    else:
        apart = [_in_pixels(each, sketch, region) for each in panels(sketch)]
        if not apart:
            return None
    return (views_within(shown, target, resize_mode, coverage) + _extra(apart, target, resize_mode))[:MAX_VIEWS]


def _is_framed(sketch: Sketch, cut: Cut, sharp: tuple[bool, bool, bool, bool]) -> bool:
    """Whether on some side the margin ends along its whole length at once, as bars and frames do."""
    has_margin = cut[0] > 0, cut[1] > 0, cut[2] < sketch.shape[2], cut[3] < sketch.shape[1]
    return any(ends and there for ends, there in zip(sharp, has_margin, strict=True))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _with_margin(box: Box, sharp: tuple[bool, bool, bool, bool], size: Size) -> Box:
    """What is left of a still, with some margin where a thing stands free, and more where that spares a view."""
    left, top, right, bottom = box
    margin = MARGIN * max(right - left, bottom - top)
    before, above, after, below = (0.0 if each else margin for each in sharp)
    left, top = max(0.0, left - before), max(0.0, top - above)
    right, bottom = min(float(size[0]), right + after), min(float(size[1]), bottom + below)
    left, right = _widened(left, right, (bottom - top) / BEARABLE, size[0])
    top, bottom = _widened(top, bottom, (right - left) / BEARABLE, size[1])
    return left, top, right, bottom


def _widened(low: float, high: float, wanted: float, end: int) -> tuple[float, float]:
    """The stretch around `low` to `high` that is `wanted` long or longer, within 0 to `end`, in whole pixels."""
    length = min(max(wanted, high - low), float(end))
    start = min(max(0.0, (low + high - length) / 2), end - length)
    return float(math.floor(start)), float(min(math.ceil(start + length), end))


def _extra(apart: list[Box], target: Size, resize_mode: str) -> list[View]:
    """Views of panels, the largest panels first."""
    found: list[View] = []
    for left, top, right, bottom in apart:
        ratio = max(right - left, bottom - top) / min(right - left, bottom - top)
        if ratio <= SQUASHED_PANEL:
            found.append((Piece((left, top, right, bottom), target),))
        elif ratio <= LONGEST_PANEL:
            found += views_within((left, top, right, bottom), target, resize_mode)
    return found


def _in_pixels(cut: Cut, sketch: Sketch, region: Box) -> Box:
    """The whole pixels of the still that a cut of the sketch of `region` touches."""
    left, top, right, bottom = region
    across, down = (right - left) / sketch.shape[2], (bottom - top) / sketch.shape[1]
    return (
        float(math.floor(left + cut[0] * across)),
        float(math.floor(top + cut[1] * down)),
        float(min(math.ceil(left + cut[2] * across), right)),
        float(min(math.ceil(top + cut[3] * down), bottom)),
    )
