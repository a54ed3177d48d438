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
_FAINT = 0.05
"""Below that weight of what is near, what is far goes in as well."""


def blurred(view: Pixels) -> Pixels:
    """``uint8[H,W,3]``, blurred until only its light is left."""
    return np.asarray(Image.fromarray(view).filter(ImageFilter.GaussianBlur(SOFT * max(view.shape[:2]))))


def blurred_away(view: Pixels, part: Part) -> Pixels:
    """The view with that part blurred."""
    return np.where(part[:, :, np.newaxis], blurred(view), view)


def grown_over(view: Pixels, part: Part) -> Pixels:
    """The view with that part in the colours around it: a Gaussian mean of the pixels that stay, and of no other."""
    side, kept = max(view.shape[:2]), (~part)[..., np.newaxis].astype(np.float64)
    held = np.concatenate([view * kept, kept], axis=2)
    near, far = _smooth(held, NEAR * side), _smooth(held, FAR * side)
    means = [each[..., :3] / np.maximum(each[..., 3:], np.finfo(np.float64).tiny) for each in (near, far)]
    trust = (near[..., 3:] / _FAINT).clip(0, 1)
    instead = means[0] * trust + means[1] * (1 - trust)
    return np.where(part[:, :, np.newaxis], instead.clip(0, 255).round(), view).astype(np.uint8)


FILLS: Mapping[Filled, Callable[[Pixels, Part], Pixels]] = {"surroundings": grown_over, "blurred": blurred_away}


def _smooth(values: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """``float64[H,W,C]``, each the Gaussian sum over its neighbours, with nothing beyond the edges."""
    for axis in (0, 1):
        at = np.arange(values.shape[axis])
        weights = np.exp(-((at[:, np.newaxis] - at) ** 2) / (2 * radius**2))
        weights /= radius * np.sqrt(2 * np.pi)
        values = np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
    return values
