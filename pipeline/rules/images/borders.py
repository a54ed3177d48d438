"""Where the margins of a still are, and the panels: pictures that stand in it side by side or one in another.

Both are read off a *sketch*, the whole still squashed into some 80 x 80 pixels, in which noise and the marks of JPEG
have been averaged out. Nothing here can hide anything: a margin is cut off only as far as every line of it has one
colour, to the eye as to a model; and panels are looked at besides the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sketch = NDArray[np.uint8]
"""``uint8[C,H,W]``: a whole still squashed into few pixels, colour by colour, and its alpha where it has one."""
Cut = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of a sketch."""

FLAT = 12
"""Levels of 255 by which the pixels of a line may differ that still counts as of one colour."""
STEP = 12
"""Least difference, in levels of some colour, between the two sides of a straight edge."""
_MOST_AROUND = 170
"""A step stands out that is half as large again as the mean of those around it; a higher mean counts as that much."""
LEAST_SIDE = 0.85
"""The share of a panel's side along which there is an edge: what touches it has the same brightness in places."""
LEAST_LINE = 20
"""Pixels of a sketch that an edge must be long to be looked at, as unbroken as a panel's side: by chance few are."""
MOST_LINES = 6
"""Lines looked at each way, the longest: a collage of three by three has two."""
MOST_PANELS = 9
LEAST_AREA = 0.1
"""The least share of the sketch that a panel fills, and so at least that much of each side. Boxes in clutter are
mostly smaller, and more views are more chances to flag what is harmless."""
MOST_AREA = 0.7
"""The greatest share of the sketch that a panel fills. A larger one is nearly as large in the view of the whole, and
a view of its own would be a chance to err."""
MOST = 0.7
"""The share of a line that must differ from the margin for the edge of a picture to be there, and not a thing."""
_REACH = 2
"""Pixels on either side of an edge over which scaling smears it."""


def content(sketch: Sketch) -> Cut | None:
    """What is left of a still without its margins; None where it has none, or is nothing but margin."""
    if min(_spread(line) for line in (sketch[:, 0], sketch[:, -1], sketch[:, :, 0], sketch[:, :, -1])) > FLAT:
        return None  # as with most stills, which cost no more than this
    left, top, right, bottom = cut = 0, 0, sketch.shape[2], sketch.shape[1]
    while True:
        above, below = _flat_ends(sketch[:, top:bottom, left:right])
        if above + below >= bottom - top:
            return None
        top, bottom = top + above, bottom - below
        before, after = _flat_ends(sketch[:, top:bottom, left:right].swapaxes(1, 2))
        if before + after >= right - left:
            return None
        left, right = left + before, right - after
        if cut == (left, top, right, bottom):
            return None if cut == (0, 0, sketch.shape[2], sketch.shape[1]) else cut
        cut = left, top, right, bottom


def edged(sketch: Sketch, cut: Cut) -> tuple[bool, bool, bool, bool]:
    """On which sides (left, top, right, bottom) what is left begins along its whole length, as a framed picture does.

    A thing on plain ground touches the cut only here and there. Scaling smears an edge, so two lines are looked at.
    """
    left, top, right, bottom = cut
    across, down = sketch[:, top:bottom], sketch[:, :, left:right]
    return (
        _begins(across.transpose(2, 0, 1), left, 1),
        _begins(down.transpose(1, 0, 2), top, 1),
        _begins(across.transpose(2, 0, 1), right - 1, -1),
        _begins(down.transpose(1, 0, 2), bottom - 1, -1),
    )


def panels(sketch: Sketch, within: Cut | None = None) -> list[Cut]:
    """The pictures that stand in a still, or in that part of it; the largest first, at most `MOST_PANELS`.

    A panel is a rectangle with a straight edge, or the end of the still, along each side, and none right across it.
    It is not all of the still, and something in it has an edge: what is blurred or bare is well seen as it is.
    """
    left, top, right, bottom = within or (0, 0, sketch.shape[2], sketch.shape[1])
    if min(right - left, bottom - top) < LEAST_LINE:
        return []
    part = np.ascontiguousarray(sketch[:, top:bottom, left:right])
    down, across = _edges(part), _edges(np.ascontiguousarray(part.transpose(0, 2, 1)))
    columns, rows = _lines(down), _lines(across)
    if not columns and not rows:
        return []  # as in most stills
    found = [cut for cut in _rectangles(down, across, columns, rows) if _shows_something(part, cut)]
    return [(left + a, top + b, left + c, top + d) for a, b, c, d in found[:MOST_PANELS]]


def _spread(line: NDArray[np.uint8]) -> int:
    """By how many levels the pixels of a line, ``uint8[C,N]``, differ, in the colour in which they differ most."""
    return int((line.max(axis=1) - line.min(axis=1)).max())


def _begins(lines: NDArray[np.uint8], first: int, step: int) -> bool:
    """Whether most pixels of the first line, or the next, differ from the margin's; ``uint8[N,C,L]``, N lines."""
    margin, second = first - step, first + step
    if not (0 <= margin < len(lines) and 0 <= second < len(lines)):
        return True  # no margin on that side
    inside = [_steps(lines[each], lines[margin]) > FLAT for each in (first, second)]
    return any(bool(each.mean() >= MOST) for each in inside)


def _flat_ends(part: NDArray[np.uint8]) -> tuple[int, int]:
    """How many rows are of one colour each, from the top and from the bottom."""
    flat = (part.max(axis=2) - part.min(axis=2)).max(axis=0) <= FLAT
    if flat.all():
        return len(flat), 0
    return int(flat.argmin()), int(flat[::-1].argmin())


def _steps(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``uint8[...]``: by how much ``uint8[C,...]`` differ in the colour in which they differ most."""
    return np.asarray((np.maximum(one, other) - np.minimum(one, other)).max(axis=0))


def _edges(part: Sketch) -> NDArray[np.bool_]:
    """``bool[H,W-1]``: where the step from a pixel to its right neighbour stands out."""
    steps = _steps(part[:, :, 1:], part[:, :, :-1])
    edges = np.zeros(steps.shape, bool)
    # Not the larger of the two: a thin gap between two pictures has an edge on either side.
    around = (steps[:, : -2 * _REACH] >> 1) + (steps[:, 2 * _REACH :] >> 1)
    np.minimum(around, _MOST_AROUND, out=around)
    around += around >> 1
    inner = steps[:, _REACH:-_REACH]
    edges[:, _REACH:-_REACH] = (inner >= STEP) & (inner > around)
    return edges


def _lines(edges: NDArray[np.bool_]) -> list[int]:
    """The columns with the longest edges, none beside another, in order."""
    height, width = edges.shape
    half = LEAST_LINE // 2
    whole = height // half
    counts = np.add.reduce(edges[: whole * half].view(np.uint8).reshape(whole, half, width), axis=1, dtype=np.uint8)
    straight = np.flatnonzero((counts[1:] + counts[:-1]).max(axis=0, initial=0) >= LEAST_SIDE * LEAST_LINE)
    if not straight.size:
        return []
    length = np.count_nonzero(edges[:, straight], axis=0)
    chosen: list[int] = []
    for column in straight[np.argsort(-length, kind="stable")].tolist():
        if len(chosen) < MOST_LINES and all(abs(column - other) > _REACH for other in chosen):
            chosen.append(column)
    return sorted(chosen)


def _rectangles(
    down: NDArray[np.bool_], across: NDArray[np.bool_], columns: Sequence[int], rows: Sequence[int]
) -> list[Cut]:
    """Every panel between these lines and the ends, the largest first."""
    height, width = len(down), len(across)
    xs, ys = [0, *(column + 1 for column in columns), width], [0, *(row + 1 for row in rows), height]
    upright, level = _shares(down, columns, ys), _shares(across, rows, xs)
    left_right = np.minimum(upright[:, None], upright[None])
    top_bottom = np.minimum(level[:, None], level[None]).transpose(2, 3, 0, 1)
    found = []
    for i, j, k, m in np.argwhere(np.minimum(left_right, top_bottom) >= LEAST_SIDE).tolist():
        across_it = np.concatenate([upright[i + 1 : j, k, m], level[k + 1 : m, i, j]])
        cut = xs[i], ys[k], xs[j], ys[m]
        if i < j and k < m and not (across_it >= LEAST_SIDE).any() and _is_panel(cut, width, height):
            found.append(cut)
    return sorted(found, key=_area, reverse=True)


def _shows_something(part: Sketch, cut: Cut) -> bool:
    """Whether there is any step in a panel, a little off its sides."""
    left, top, right, bottom = cut
    inside = part[:, top + _REACH : bottom - _REACH, left + _REACH : right - _REACH]
    steps = _steps(inside[:, :, 1:], inside[:, :, :-1]), _steps(inside[:, 1:], inside[:, :-1])
    return any(each.size > 0 and int(each.max()) >= STEP for each in steps)


def _shares(edges: NDArray[np.bool_], lines: Sequence[int], stops: Sequence[int]) -> NDArray[np.float64]:
    """``float64[N+2,M,M]``: for the first end, N lines and the last end, the share of edge between any two stops."""
    length = np.array(stops)
    ends = length[None]
    inner = np.vstack([np.zeros((1, len(lines)), int), np.cumsum(edges[:, list(lines)], axis=0)])[length].T
    reached = np.concatenate([ends, inner, ends])
    return np.asarray((reached[:, None] - reached[:, :, None]) / np.maximum(length[None] - length[:, None], 1))


def _is_panel(cut: Cut, width: int, height: int) -> bool:
    """Whether a rectangle is neither too small nor most of the sketch."""
    return LEAST_AREA <= _area(cut) / (width * height) <= MOST_AREA


def _area(cut: Cut) -> int:
    return (cut[2] - cut[0]) * (cut[3] - cut[1])
