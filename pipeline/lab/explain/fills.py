"""Takes parts of a view away: what is put there instead says nothing of what was there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipeline.items import Pixels
from pipeline.lab.explain.record import Filled

SOFT = 0.2
"""The radius of the blur as a share of the view's longer side: colours stay about where they were, and no shape."""


def blurred(view: Pixels) -> Pixels:
    """``uint8[H,W,3]``, blurred until only its light is left."""
    return np.asarray(Image.fromarray(view).filter(ImageFilter.GaussianBlur(SOFT * max(view.shape[:2]))))


def flat(view: Pixels) -> Pixels:
    """As large, all in the mean colour of the view."""
    colour = view.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colour, view.shape))


FILLS: Mapping[Filled, Callable[[Pixels], Pixels]] = {"blurred": blurred, "flat": flat}


def covered(view: Pixels, instead: Pixels, away: NDArray[np.bool_]) -> Pixels:
    """The view with what is `instead` wherever ``bool[H,W]`` is true."""
    return np.where(away[:, :, np.newaxis], instead, view)
