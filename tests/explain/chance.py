"""Tenths of a view that no map chose: what the score does without them is what a map is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pipeline.lab.explain.fills import Part
from pipeline.lab.explain.heat import AREA, ELSEWHERE, elsewhere
from pipeline.signals import Box

SQUARES = 20
"""Along each side of the grid whose squares are scattered."""
_DRAWN = 8 * ELSEWHERE

Chance = Callable[[tuple[int, int], Box], list[Part]]
"""Parts of a view of that height and width whose thing is in that box."""


def anywhere(size: tuple[int, int], box: Box) -> list[Part]:
    """Rectangles wherever they fall, on the thing as well."""
    del box
    return elsewhere(size)


def beside(size: tuple[int, int], box: Box) -> list[Part]:
    """Rectangles that do not touch the box around the thing; none where nothing is left beside it."""
    return [part for part in elsewhere(size, _DRAWN) if not (part & within(size, box)).any()][:ELSEWHERE]


def over(size: tuple[int, int], box: Box) -> list[Part]:
    """Rectangles that take some of the box around the thing."""
    return [part for part in elsewhere(size, _DRAWN) if (part & within(size, box)).any()][:ELSEWHERE]


def scattered(size: tuple[int, int], box: Box) -> list[Part]:
    """Small squares all over the view, with as many on the thing as elsewhere."""
    del box
    random, made = np.random.default_rng(0), []
    rows, columns = (np.arange(side) * SQUARES // side for side in size)
    for _ in range(ELSEWHERE):
        order = random.permutation(SQUARES**2).reshape(SQUARES, SQUARES)
        made.append((order < AREA * SQUARES**2)[rows][:, columns])
    return made


def within(size: tuple[int, int], box: Box) -> Part:
    """``bool[H,W]``: the pixels that the box touches."""
    rows, columns = (np.arange(side) for side in size)
    left, right = box[0] * size[1], box[2] * size[1]
    top, bottom = box[1] * size[0], box[3] * size[0]
    down, across = (rows + 1 > top) & (rows < bottom), (columns + 1 > left) & (columns < right)
    return np.outer(down, across)


CHANCES: Mapping[str, Chance] = {
    "one rectangle anywhere": anywhere,
    "one that touches the box around the thing": over,
    "one that does not": beside,
    "small squares anywhere": scattered,
}
