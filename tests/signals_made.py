"""Signals as tests need them: of features that they choose, of whole pictures where it does not matter of what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from pipeline.signals import WHOLE, Features, Provenance, Regions, Signals, regions_of
from pipeline.wire import ModelRef

MADE_BY = Provenance(ModelRef("t", "f", "float32"), "test")


def whole(views: int, *, frames: int = 1) -> Regions:
    """The regions of views of whole pictures, which come from `frames` frames: the last views each from another."""
    regions = regions_of([WHOLE] * views)
    regions["frame"] = np.maximum(0, np.arange(views) - (views - frames))
    return regions


def signals(features: ArrayLike, made_by: Provenance = MADE_BY, *, frames: int = 1) -> Signals:
    """``float32[V,D]`` as the signals of one image."""
    rows: Features = np.asarray(features, np.float32)
    return Signals(rows, whole(len(rows), frames=frames), made_by)


def split(features: Features, views: Sequence[int]) -> tuple[Signals, ...]:
    """Features of one view after another as the signals of images, each with as many as `views` says."""
    return tuple(signals(part) for part in np.split(features, np.cumsum(views)[:-1])) if len(views) else ()
