"""Near to a picture: the cosine of the two views, one of each image, that are most alike."""

from __future__ import annotations

from collections.abc import Sequence
from threading import local
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.archive.archive import FEATURES, Block
from pipeline.archive.coarse import Coarse
from pipeline.archive.screen.rough import CoarseProduct
from pipeline.archive.screen.stored import Stored
from pipeline.archive.search.bounds import LONGEST, Products, error
from pipeline.archive.search.query import Bounds, Events, Scored, of_events
from pipeline.signals import Features


class _OfThread(NamedTuple):
    """What each thread has for itself: they look at different segments."""

    stored: Stored
    product: CoarseProduct


class Likeness:
    """A `Query` for images that are like one picture or several: the nearest of them counts."""

    def __init__(self, views: Features, device: str = "cpu") -> None:
        """`views`: ``float32[N,D]``, those of all the pictures."""
        self._views = _unit(views)
        self._device = device
        self._products = Products(self._views.astype(np.float32), device)
        self._mine = local()
        # Kept rows are a little longer or shorter than 1, and a cosine is divided by their length.
        self._slack = LONGEST - 1 + error(views.shape[1])

    @property
    def columns(self) -> Sequence[str]:
        return (*FEATURES, "coarse")

    def prepare(self, block: Block) -> None:
        """Nothing is to be learnt from rows."""

    def bounds(self, block: Block) -> Bounds:
        """By coarse features, where there are any."""
        coarse = self._of_thread().stored.coarse(block) if self._device == "cpu" else None
        return of_events(self._fine(block.pieces) if coarse is None else self._rough(coarse), block)

    def closer(self, block: Block, events: Events) -> Bounds:
        rows, starts = block.rows_of(events)
        return np.asarray(np.maximum.reduceat(self._fine([block.views(rows)]), starts))

    def _fine(self, pieces: Sequence[NDArray[np.float16]]) -> NDArray[np.float64]:
        return self._products.of(pieces, lambda cosines: cosines.amax(dim=1)) * LONGEST + self._slack

    @torch.inference_mode()
    def _rough(self, coarse: Coarse) -> NDArray[np.float64]:
        product, found = self._of_thread().product, torch.empty(len(coarse.steps))
        for start, cosines in product.chunks(coarse):
            torch.amax(cosines[:, : len(self._views)], dim=1, out=found[start : start + len(cosines)])
        return np.asarray(found.add_(product.off(coarse)).numpy(), np.float64) * LONGEST + self._slack

    def _of_thread(self) -> _OfThread:
        if not hasattr(self._mine, "own"):
            self._mine.own = _OfThread(Stored(), CoarseProduct(self._views.astype(np.float32), 1.0))
        own: _OfThread = self._mine.own
        return own

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
