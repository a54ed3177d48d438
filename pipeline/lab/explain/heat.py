"""Which part of a view does a score come from: what is enough for it, and what it needs, in one map.

Both halves show the model parts of the view and take the policy's own score of them, so they hold for any model and
any head that goes by features. How well they point, and what else was tried, ``python -m tests.explain`` measures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.items import Pixels
from pipeline.lab.explain.crops import averaged, cropped, windows
from pipeline.lab.explain.fills import FILLS, Part
from pipeline.lab.explain.masks import MASKS, followed, masked, masks
from pipeline.lab.explain.record import Without
from pipeline.rules.heads import SCORE_DIGITS

Scores = Callable[[Pixels], NDArray[np.float64]]
"""Views ``uint8[B,H,W,3]`` to what each scores by itself, ``float64[B,K]`` for K policies."""
Heat = NDArray[np.float64]
"""``float64[H,W]``, from 0 to 1."""

AREA = 0.1
"""The share of a view that is taken away, to see whether the score falls."""
ELSEWHERE = 8
"""Other parts, drawn by chance, that are taken away instead."""
PROOF = len(FILLS) * (1 + ELSEWHERE)
"""Views that the model is shown for the proof of one map."""
_LEAST = 1e-4
"""Scores nearer than that to 0 or 1 are all alike: what moves them is what never mattered."""
_ROUNDING = 1e-9


def heats(view: Pixels, scores: Scores, holes: int = MASKS) -> NDArray[np.float64]:
    """``float64[K,H,W]``, from 0 to 1: how much of each policy's score comes from each pixel of ``uint8[H,W,3]``.

    Each of the crops is shown to the model, and that many times the view with holes.
    """
    size = (view.shape[0], view.shape[1])
    parts, kept = windows(size), masks(size, holes)
    enough = averaged(log_odds(scores(cropped(view, parts))), parts, size)
    needed = followed(log_odds(scores(masked(view, kept))), kept)
    return np.stack([joined(one, other) for one, other in zip(enough, needed, strict=True)])


def joined(one: Heat, other: Heat) -> Heat:
    """Hot where both are."""
    return spread(spread(one) * spread(other))


def hottest(heat: Heat, area: float = AREA) -> Part:
    """``bool[H,W]``: the hottest pixels, that share of all."""
    chosen = np.zeros(heat.size, bool)
    chosen[np.argsort(-heat, axis=None, kind="stable")[: round(area * heat.size)]] = True
    return chosen.reshape(heat.shape)


def without(view: Pixels, heat: Heat, scores: Scores, column: int) -> list[Without]:
    """What the view scores without its hottest part, and without as large a part of it elsewhere."""
    parts = [hottest(heat), *elsewhere((view.shape[0], view.shape[1]))]
    found = []
    for filled, fill in FILLS.items():
        said = scores(np.stack([fill(view, part) for part in parts]))[:, column]
        found.append(Without(filled, float(said[0]), round(float(said[1:].mean()), SCORE_DIGITS)))
    return found


def elsewhere(size: tuple[int, int], count: int = ELSEWHERE, area: float = AREA) -> list[Part]:
    """``bool[H,W]`` of rectangles of a view's shape, of that share of its area, where chance puts them."""
    random, made = np.random.default_rng(0), []
    height, width = (max(1, round(side * area**0.5)) for side in size)
    for _ in range(count):
        top, left = int(random.integers(size[0] - height + 1)), int(random.integers(size[1] - width + 1))
        part = np.zeros(size, bool)
        part[top : top + height, left : left + width] = True
        made.append(part)
    return made


def log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    held = scores.clip(_LEAST, 1 - _LEAST)
    return np.asarray(np.log(held / (1 - held)))


def spread(heat: Heat) -> Heat:
    """From 0 to 1, the least and the greatest; zeros where nothing but rounding tells them apart."""
    low, high = heat.min(), heat.max()
    return np.asarray((heat - low) / (high - low)) if high - low > _ROUNDING else np.zeros_like(heat)
