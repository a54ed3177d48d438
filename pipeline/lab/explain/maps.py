"""Maps of an image: for each policy, of the view that decided, with the proof that it is true to the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.items import Pixels
from pipeline.lab.explain.fills import FILLS
from pipeline.lab.explain.heat import Heat, heats, hottest, without
from pipeline.lab.explain.masks import MASKS
from pipeline.lab.explain.overlay import lies_in, opened, overlaid, upright
from pipeline.lab.explain.record import HeatRecord, Without
from pipeline.lab.explain.shown import Shown, pixels_of
from pipeline.lab.explain.why import Look
from pipeline.ports import Decoder
from pipeline.signals import BOX_DIGITS, WHOLE, Box
from pipeline.wire import Region

GRID = 16
"""Rows and columns of the map as a record has it."""


@dataclass(frozen=True, slots=True)
class Map:
    """A policy's map, and the pictures that show it."""

    record: HeatRecord
    plain: Image.Image
    """What the map is laid over: the picture, or the view where that does not lie in the picture in one piece."""
    heated: Image.Image
    without: Image.Image
    """The view, as the model is shown it, without its hottest part."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """What makes the maps of one image."""

    decoder: Decoder
    image: bytes
    look: Look
    shown: Shown
    resize_mode: str
    holes: int = MASKS
    """As in `heats`: fewer cost less, and the maps are less sharp."""

    def of(self, policies: Sequence[str]) -> Iterator[tuple[str, Map]]:
        """Each policy with its map. Policies that the same view decides share the passes through the model.

        Raises `ItemError` where the image cannot be decoded again, and `EncoderError`.
        """
        for view, decided in deciding_views(self.look, policies).items():
            pixels = pixels_of(self.decoder, self.image, self.look.signals, view)
            every = heats(pixels, self.shown.scores, self.holes)
            for policy in decided:
                yield policy, self._map(policy, view, pixels, every)

    def _map(self, policy: str, view: int, pixels: Pixels, every: NDArray[np.float64]) -> Map:
        column = self.look.compiled.ids.index(policy)
        region, heat = self.look.views(policy)[view].region, every[column]
        picture = opened(self.decoder.thumbnail(self.image, region.frame))
        inside = lies_in(region.box, picture.size, pixels, self.resize_mode)
        standing = upright(heat, region.turned)
        plain = picture if inside else Image.fromarray(pixels)
        box = region.box if inside else WHOLE
        proof = without(pixels, heat, self.shown.scores, column)
        taken = Image.fromarray(FILLS["surroundings"](pixels, hottest(heat)))
        return Map(
            _record(standing, region, box, proof), plain, overlaid(plain, standing if inside else heat, box), taken
        )


def deciding_views(look: Look, policies: Sequence[str]) -> dict[int, list[str]]:
    """The views that decide any of the policies, each with those that it decides."""
    found: dict[int, list[str]] = {}
    for policy in policies:
        found.setdefault(look.deciding(policy), []).append(policy)
    return found


def _record(heat: Heat, region: Region, box: Box, proof: list[Without]) -> HeatRecord:
    height, width = heat.shape
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    rows, columns = np.nonzero(hottest(heat))
    edges = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    left, top = _placed((float(column) + 0.5) / width, (float(row) + 0.5) / height, box)
    first, last = _placed(edges[0], edges[1], box), _placed(edges[2], edges[3], box)
    return HeatRecord(region, (left, top), (*first, *last), proof, _grid(heat))


def _placed(across: float, down: float, box: Box) -> tuple[float, float]:
    left, top, right, bottom = box
    return (
        round(left + float(across) * (right - left), BOX_DIGITS),
        round(top + float(down) * (bottom - top), BOX_DIGITS),
    )


def _grid(heat: Heat) -> list[list[float]]:
    small = Image.fromarray(heat.astype(np.float32)).resize((GRID, GRID), Image.Resampling.BOX)
    return [[round(value, 3) for value in row] for row in np.asarray(small).tolist()]
