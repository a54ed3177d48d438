"""What the month looked like, and from where on an image is unlike it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.lab.radar.clusters import unit
from pipeline.rules.alike import ALIKE
from pipeline.signals import Features

UNLIKE = 0.05
"""The share of a day's images that are called unlike the month where the day is as the month was."""
HELD_OUT = 0.2
"""The share of the month's sample that says how far its images are from each other."""
LEAST = 500
"""Images of a month without which nothing can be called unlike them: 100 of them are held out."""
_ROWS = 1_024
"""Rows that are compared at once; with 16,000 others that is 64 MB."""


@dataclass(frozen=True, eq=False)
class Month:
    """A sample of the month, ``float32[N,D]``, with what its own images say of one another."""

    views: Features
    bound: float
    """A cosine, below which two views are unlike. An image is unlike the month where a view of it is so to all."""
    mean: Features
    """The mean direction."""
    sampled: int
    """Images that the views are of."""
    images: int
    """Images of the month that they were drawn from."""

    @classmethod
    def of(cls, sample: Sequence[NDArray[np.float16]], images: int, seed: int) -> Month | None:
        """Of an even draw of the month's images, each ``float16[V,D]``; None where there are too few.

        The bound is the conformal quantile of those held out (Vovk, Gammerman and Shafer 2005, "Algorithmic learning
        in a random world"): an image of a day like the month is called unlike with a chance of `UNLIKE` at most,
        whatever images look like and however many views they have.

        It is never above `ALIKE`. A stream in which the same files come again and again has a quantile of 1, by which
        no two images would be alike that are not the very same. A lower bound calls fewer images unlike.
        """
        if len(sample) < LEAST:
            return None
        order = np.random.default_rng(seed).permutation(len(sample))
        count = int(len(sample) * HELD_OUT)
        held, known = ([sample[at] for at in some] for some in (order[:count], order[count:]))
        views = np.concatenate(known).astype(np.float32)
        own = nearest(np.concatenate(held).astype(np.float32), views)
        starts = np.cumsum([0, *(len(each) for each in held[:-1])])
        farthest = np.sort(np.minimum.reduceat(own, starts))
        bound = farthest[max(int(UNLIKE * (count + 1)) - 1, 0)]
        return cls(views, min(float(bound), ALIKE), unit(views.mean(axis=0)), len(known), images)

    def nearest(self, views: Features) -> NDArray[np.float32]:
        """The cosine of each view, ``float32[N,D]``, to the nearest view of the sample."""
        return nearest(views, self.views)


def nearest(views: Features, others: Features) -> NDArray[np.float32]:
    """``float32[N]``: the highest cosine of each view to any of the others."""
    parts = [(views[at : at + _ROWS] @ others.T).max(axis=1) for at in range(0, len(views), _ROWS)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
