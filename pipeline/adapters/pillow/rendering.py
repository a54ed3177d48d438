"""A loaded still to the small images that a model takes: what `pipeline.rules.images.views` says, done by Pillow."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from pipeline.adapters.pillow.sketching import sketch_from, sketch_of, sketch_within
from pipeline.ports import EncoderSpec
from pipeline.rules.images.borders import Sketch
from pipeline.rules.images.layout import layout
from pipeline.rules.images.views import (
    Box,
    Coverage,
    Piece,
    Size,
    View,
    bounds,
    interpolation,
    recipe,
    rescaled,
    views,
)

DRAFT_MARGIN = 1.5
"""A JPEG is decoded at a smaller scale only while that leaves this many times the pixels the model takes."""
TILES_DRAFT_MARGIN = 2.0
"""The same for a still that has several views: at 1.5, a tile of a panorama had a cosine of 0.93 with exact."""
REDUCING_GAP = 2.0
"""How much larger than the target a large still stays after Pillow's cheap first reduction (fast only)."""

BLACK = {"CMYK": (0, 0, 0, 255)}
"""What a view is filled with where no piece covers it, in modes whose zeros are not black."""

_RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The views of a still as the model takes them, but for their mode."""

    views: list[Image.Image]
    boxes: list[Box]
    """What of the still each view shows, as fractions of it."""
    scale: float
    """Pixels of a view for one of the full still, in the view where they are most."""


class Renderer:
    """Cuts, scales and crops for one model. Holds no state between calls, so any thread may call."""

    def __init__(self, spec: EncoderSpec, *, fast: bool, coverage: Coverage) -> None:
        height, width = spec.image_size
        self._target = (width, height)
        self._resize_mode = spec.resize_mode
        scaling = interpolation(self._target, spec.resize_mode, spec.interpolation)
        self._resample = _RESAMPLE.get(scaling, Image.Resampling.BICUBIC)
        self._fast = fast
        self._coverage = coverage

    def draft_size(self, full: Size) -> Size:
        """The least size to decode a JPEG of that size at; either way up, as EXIF comes later."""
        plan = views(full, self._target, self._resize_mode, self._coverage)
        return scaled_by(full, _scale(plan) * (DRAFT_MARGIN if len(plan) == 1 else TILES_DRAFT_MARGIN))

    def count(self, size: Size) -> int:
        """How many views a still of that size has, backdrops and panels not counted."""
        return len(views(size, self._target, self._resize_mode, self._coverage))

    def render(self, upright: Image.Image, full: Size) -> Rendered:
        """All views of a still that stands upright and is ``L``, ``RGB``, ``RGBa`` or ``CMYK``, in that mode.

        `full` is its size before it was decoded at a smaller scale, either way up.
        """
        full = full if (full[0] > full[1]) == (upright.width > upright.height) else full[::-1]
        plan = views(full, self._target, self._resize_mode, self._coverage)
        if len(plan) == 1 and self._coverage == "centre" and not self._fast:
            return _rendered([self._by_recipe(upright)], plan, full)
        small = [self._cut(upright, view, full) for view in plan]
        found = None if self._coverage == "centre" else self._layout(upright, full, small)
        if found is not None:
            return _rendered([self._cut(upright, view, full) for view in found], found, full)
        return _rendered(small, plan, full)

    def _layout(self, upright: Image.Image, full: Size, small: list[Image.Image]) -> list[View] | None:
        """Other views than the `small` ones, where borders or panels ask for them."""

        def look_at(box: Box) -> Sketch:
            ((piece,)) = rescaled((Piece(box, self._target),), full, upright.size)
            return sketch_within(upright, piece.box)

        squashed = len(small) == 1 and self._resize_mode != "longest"
        sketch = sketch_of(small[0]) if squashed else sketch_from(upright)
        return layout(sketch, look_at, full, self._target, self._resize_mode, self._coverage)

    def _by_recipe(self, still: Image.Image) -> Image.Image:
        """Scale all of it, then crop: to the last bit what open_clip does. Only for stills of ordinary ratio."""
        scaled, (x, y) = recipe(still.size, self._target, self._resize_mode)
        across, down = self._target
        return still.resize(scaled, self._resample).crop((x, y, x + across, y + down))

    def _cut(self, still: Image.Image, view: View, full: Size) -> Image.Image:
        """One view, told in pixels of the `full` still."""
        if still.size != full:
            view = rescaled(view, full, still.size)
        gap = REDUCING_GAP if self._fast else None
        cut = [still.resize(piece.size, self._resample, piece.box, gap) for piece in view]
        if len(cut) == 1 and cut[0].size == self._target:
            return cut[0]
        canvas = Image.new(still.mode, self._target, BLACK.get(still.mode, 0))
        for piece, pixels in zip(view, cut, strict=True):
            canvas.paste(pixels, piece.at)
        return canvas


def _rendered(small: list[Image.Image], plan: list[View], full: Size) -> Rendered:
    return Rendered(small, [bounds(view, full) for view in plan], _scale(plan))


def scaled_by(size: Size, scale: float) -> Size:
    """That many times the size, rounded down, but not to nothing."""
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _scale(plan: list[View]) -> float:
    """Pixels of a view for one of the still, in the view and the direction where they are most."""
    return max(
        length / (high - low)
        for view in plan
        for piece in view
        for length, low, high in zip(piece.size, piece.box[:2], piece.box[2:], strict=True)
    )
