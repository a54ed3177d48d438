"""The views of many images in one array, so that all of them are compared in one matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pipeline.signals import Features, Signals


@dataclass(frozen=True, slots=True)
class Stacked:
    """The features of I images with V views in all; an image's views stand together."""

    features: Features
    """``float32[V,D]``"""
    offsets: list[int]
    """``I + 1`` numbers: the views of image i are rows ``offsets[i]`` to ``offsets[i+1]``."""

    @classmethod
    def of(cls, images: Sequence[Signals]) -> Stacked:
        """Stack one image or more. Raises ``ValueError`` for one of no views: it would get the values of the next."""
        features = [each.features for each in images]
        views = [len(each) for each in features]
        if not all(views):
            raise ValueError("an image without views cannot be judged")
        stacked = features[0] if len(features) == 1 else np.concatenate(features)
        return cls(stacked, list(accumulate(views, initial=0)))

    def worst(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``float64[V,K]`` to ``float64[I,K]``: the greatest value of each image's views."""
        if len(self.offsets) > len(self.features):
            return values  # one view each
        return np.asarray(np.maximum.reduceat(values, self.offsets[:-1], axis=0))

    def views(self, image: int) -> slice:
        """The rows of an image's views."""
        return slice(self.offsets[image], self.offsets[image + 1])
