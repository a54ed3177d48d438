"""Takes parts of a view away: what is put there instead says nothing of what was there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipeline.items import Pixels
from pipeline.lab.explain.record import Filled

Part = NDArray[np.bool_]
"""``bool[H,W]``, true where a view is taken away."""

SOFT = 0.2
"""The radius of the blur as a share of the view's longer side: colours stay about where they were, and no shape."""
NEAR, FAR = 0.075, 0.225
"""How far the surroundings reach into a part, likewise, and how far where nothing of it is that near."""
ROUNDS = 1
"""Rounds of successive over-relaxation for each pixel along a part's longer side."""
_FAINT = 0.05
"""Below that weight of what is near, what is far goes in as well."""


def blurred(view: Pixels) -> Pixels:
    """``uint8[H,W,3]``, blurred until only its light is left."""
    return np.asarray(Image.fromarray(view).filter(ImageFilter.GaussianBlur(SOFT * max(view.shape[:2]))))


def blurred_away(view: Pixels, part: Part) -> Pixels:
    """The view with that part blurred."""
    return np.where(part[:, :, np.newaxis], blurred(view), view)


def grown_over(view: Pixels, part: Part) -> Pixels:
    """The view with that part in the colours around it, as a soap film hangs in a frame: no seam, and no shape.

    Each channel is harmonic within the part (Laplace's equation, with what stays as its boundary), where
    `_surrounded` is what it begins with. Of flagged scenes 20% were let go of by a tenth that chance filled so, 23%
    by one in the means of what is near, whose seams a model sees.
    """
    if not part.any():
        return view
    rows, columns = (slice(max(0, at.min() - 1), at.max() + 2) for at in np.nonzero(part))
    filled = view.copy()
    film = _relaxed(_surrounded(view, part)[rows, columns], part[rows, columns])
    filled[rows, columns] = np.where(part[rows, columns, np.newaxis], film.clip(0, 255).round(), view[rows, columns])
    return filled


FILLS: Mapping[Filled, Callable[[Pixels, Part], Pixels]] = {"surroundings": grown_over, "blurred": blurred_away}


def _relaxed(begun: NDArray[np.float64], inside: Part) -> NDArray[np.float64]:
    """``float64[h,w,C]``: harmonic where `inside`, by over-relaxation of every other pixel in turn."""
    film = np.pad(begun, ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle, long = film[1:-1, 1:-1], max(inside.shape)
    odd = np.add.outer(*map(np.arange, inside.shape)) % 2
    steps = [2 / (1 + np.sin(np.pi / long)) * (inside & (odd == turn))[..., np.newaxis] for turn in (0, 1)]
    for _ in range(ROUNDS * long):
        for step in steps:
            around = film[:-2, 1:-1] + film[2:, 1:-1] + film[1:-1, :-2] + film[1:-1, 2:]
            middle += step * (around / 4 - middle)
            film[0], film[-1], film[:, 0], film[:, -1] = film[1], film[-2], film[:, 1], film[:, -2]
    return middle


def _surrounded(view: Pixels, part: Part) -> NDArray[np.float64]:
    """``float64[H,W,3]``: in the part the Gaussian mean of the pixels that stay, and of no other."""
    side, kept = max(view.shape[:2]), (~part)[..., np.newaxis].astype(np.float64)
    held = np.concatenate([view * kept, kept], axis=2)
    near, far = _smooth(held, NEAR * side), _smooth(held, FAR * side)
    means = [each[..., :3] / np.maximum(each[..., 3:], np.finfo(np.float64).tiny) for each in (near, far)]
    trust = (near[..., 3:] / _FAINT).clip(0, 1)
    return np.where(part[:, :, np.newaxis], means[0] * trust + means[1] * (1 - trust), view)


def _smooth(values: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """``float64[H,W,C]``, each the Gaussian sum over its neighbours, with nothing beyond the edges."""
    for axis in (0, 1):
        at = np.arange(values.shape[axis])
        weights = np.exp(-((at[:, np.newaxis] - at) ** 2) / (2 * radius**2))
        weights /= radius * np.sqrt(2 * np.pi)
        values = np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
    return values
