"""Which parts of a view are enough for a score: crops at several scales, shown to the model as views of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.items import Pixels

Window = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the view."""

SCALES = ((0.6, 4), (0.4, 6))
"""Shares of a view's sides that crops have, and how many there are along each side, evenly from edge to edge."""
CROPS = sum(along**2 for _, along in SCALES)


def windows(size: tuple[int, int]) -> list[Window]:
    """The crops of a view of that height and width: `CROPS`, of which every pixel lies in some of each scale."""
    height, width = size
    return [
        (left, top, left + round(share * width), top + round(share * height))
        for share, along in SCALES
        for top in _starts(height, share, along)
        for left in _starts(width, share, along)
    ]


def cropped(view: Pixels, chosen: Sequence[Window]) -> Pixels:
    """``uint8[N,H,W,3]``: each crop of ``uint8[H,W,3]``, as large as the view."""
    whole, (height, width) = Image.fromarray(view), view.shape[:2]
    return np.stack(
        [np.asarray(whole.resize((width, height), Image.Resampling.BICUBIC, window)) for window in chosen]
    )


def averaged(values: NDArray[np.float64], chosen: Sequence[Window], size: tuple[int, int]) -> NDArray[np.float64]:
    """``float64[N,K]`` to ``float64[K,H,W]``: at each pixel the mean over the crops that it lies in."""
    sums, counts = np.zeros((values.shape[1], *size)), np.zeros(size)
    for (left, top, right, bottom), value in zip(chosen, values, strict=True):
        sums[:, top:bottom, left:right] += value[:, np.newaxis, np.newaxis]
        counts[top:bottom, left:right] += 1
    return np.asarray(sums / np.maximum(counts, 1))


def _starts(length: int, share: float, along: int) -> list[int]:
    return [round(at * (length - round(share * length)) / (along - 1)) for at in range(along)]
