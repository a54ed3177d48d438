"""Gathers the views of an animation's frames while they are drawn one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.adapters.pillow.modes import conversion, worked
from pipeline.adapters.pillow.opening import shown_for
from pipeline.items import Pixels
from pipeline.ports import Decoded
from pipeline.rules.images.frames import shares, some
from pipeline.rules.images.fused import BRIEF, MOMENT, Fusing
from pipeline.rules.images.novelty import Novelty, Shape, Sketch, shape_of
from pipeline.signals import WHOLE, regions_of

SKETCH_SIZE = (16, 16)
MOST_FUSED = 2
"""Averages of brief frames that are looked at, those that differ most."""


@dataclass(frozen=True, slots=True)
class _Frame:
    index: int
    shape: Shape
    shown: float


class Gallery:
    """The frames that are looked at: the `chosen` ones, those that stand out, and what brief ones add up to.

    Of each frame in turn, ask whether the gallery `wants` its views; if so, give them to `keep`.
    """

    def __init__(self, chosen: set[int], limit: int, room: int, squashed: Callable[[Image.Image], Pixels]) -> None:
        """`limit` and `room` are those of `Novelty`, for frames besides the chosen ones.

        `squashed` makes one view of a whole frame, ``uint8[H,W,3]``; it is asked for brief frames alone.
        """
        self._chosen = chosen
        self._squashed = squashed
        self._taken: list[Decoded] = []
        self._novelty: Novelty[Decoded] = Novelty(limit, room)
        self._fused: Novelty[Decoded] = Novelty(MOST_FUSED, MOST_FUSED)
        self._fusing = Fusing()
        self._since = 0
        self._wanted: list[_Frame] = []

    def wants(self, index: int, frame: Image.Image) -> bool:
        """Whether a frame is to be looked at; to be asked of every frame, in order."""
        seen = _Frame(index, shape_of(_sketch(frame)), shown_for(frame))
        self._fuse(seen, frame)
        self._wanted = [seen] if index in self._chosen or self._novelty.wants(seen.shape, seen.shown) else []
        return bool(self._wanted)

    def keep(self, views: Decoded) -> None:
        """Keep the views of the frame that was wanted last."""
        for seen in self._wanted:
            if seen.index in self._chosen:
                self._novelty.anchor(seen.shape, seen.shown)
                self._taken.append(views)
            else:
                self._novelty.keep(seen.shape, views, seen.shown)

    def views(self, most: int) -> Decoded:
        """At most `most` views of all frames, in the order of the file."""
        self._end_moment()
        found = self._taken + self._novelty.kept + self._fused.kept
        found.sort(key=lambda each: int(each.regions["frame"][0]))
        allowed = list(enumerate(shares([len(each.pixels) for each in found], most)))
        rows = [some(each.pixels, *reversed(share)) for each, share in zip(found, allowed, strict=True)]
        where = [some(each.regions, *reversed(share)) for each, share in zip(found, allowed, strict=True)]
        return Decoded(np.concatenate(rows), np.concatenate(where), unseen=self._novelty.missed)

    def _fuse(self, seen: _Frame, frame: Image.Image) -> None:
        if not 0 < seen.shown <= BRIEF:
            self._end_moment()
            return
        if not self._fusing.seconds:
            self._since = seen.index
        self._fusing.add(self._squashed(frame), seen.shown)
        if self._fusing.seconds >= MOMENT:
            self._end_moment()

    def _end_moment(self) -> None:
        seconds, fused = self._fusing.seconds, self._fusing.take()
        if fused is None:
            return
        shape = shape_of(_sketch(Image.fromarray(fused)))
        if self._fused.wants(shape, seconds):
            self._fused.keep(shape, _whole(fused, self._since), seconds)


def _whole(pixels: Pixels, frame: int) -> Decoded:
    regions = regions_of([WHOLE])
    regions["frame"] = frame
    return Decoded(pixels[np.newaxis], regions)


def _sketch(frame: Image.Image) -> Sketch:
    """``int16[16,16,4]``: the frame's colours and alpha, for comparing frames."""
    reduced = worked(frame, conversion(frame, look=False)[0], factor=max(1, min(frame.size) // (4 * SKETCH_SIZE[0])))
    if reduced.mode != "RGBa":
        reduced = reduced.convert("RGBA")
    return np.asarray(reduced.resize(SKETCH_SIZE, Image.Resampling.BOX, reducing_gap=1.0)).astype(np.int16)
