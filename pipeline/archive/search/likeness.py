"""Near to a picture: the cosine of the two views, one of each image, that are most alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.archive.archive import FEATURES, Block
from pipeline.archive.search.bounds import LONGEST, Products, error
from pipeline.archive.search.query import Bounds, Events, Scored, of_events
from pipeline.signals import Features


class Likeness:
    """A `Query` for images that are like one picture or several: the nearest of them counts."""

    def __init__(self, views: Features, device: str = "cpu") -> None:
        """`views`: ``float32[N,D]``, those of all the pictures."""
        self._views = _unit(views)
        self._products = Products(self._views.astype(np.float32), device)
        # Kept rows are a little longer or shorter than 1, and a cosine is divided by their length.
        self._slack = LONGEST - 1 + error(views.shape[1])

    @property
    def columns(self) -> Sequence[str]:
        return FEATURES

    def prepare(self, block: Block) -> None:
        """Nothing is to be learnt from rows."""

    def bounds(self, block: Block) -> Bounds:
        found = self._products.of(block.pieces, lambda cosines: cosines.amax(dim=1))
        return of_events(found * LONGEST + self._slack, block)

    def closer(self, block: Block, events: Events) -> Bounds:
        """The scores themselves, which cost no more."""
        return np.array([each.score for each in self.scores(block, events.tolist())])

    def scores(self, block: Block, events: Sequence[int]) -> list[Scored]:
        return [self.of_views(block.views(np.arange(*block.offsets[event : event + 2]))) for event in events]

    def of_views(self, rows: np.ndarray) -> Scored:
        """The score of an image with these views."""
        cosines = (_unit(rows) @ self._views.T).max(axis=1)
        view = int(cosines.argmax())
        return Scored(min(float(cosines[view]), 1.0), view)


def _unit(rows: np.ndarray) -> np.ndarray:
    """``float64[N,D]`` of length 1."""
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))
