"""Cuts and scales a loaded still to the views that `pipeline.rules.images` decided on."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from pipeline.adapters.pillow.sketching import sketch_from, sketch_of, sketch_within
from pipeline.ports import EncoderSpec
from pipeline.rules.images.borders import Sketch
from pipeline.rules.images.layout import layout
from pipeline.rules.images.plans import Plan, plan_for, plan_of
from pipeline.rules.images.views import Box, Look, Piece, Size, View, interpolation, recipe, rescaled
from pipeline.signals import Regions

DRAFT_MARGIN = 1.5
"""A JPEG is decoded at a smaller scale only while that leaves this many times the pixels the model takes."""
TILES_DRAFT_MARGIN = 2.0
"""The same for a still that has several views: at 1.5, one of a panorama had a cosine of 0.93 with exact."""
REDUCING_GAP = 2.0
"""How much larger than the target a large still stays after Pillow's cheap first reduction (fast only)."""
VIEW, VIEW_PIXEL = 0.4e-3, 25e-9
"""CPU seconds for a view and for each of its pixels: cutting, scaling, laying it over black and white."""

BLACK = {"CMYK": (0, 0, 0, 255)}
"""What a view is filled with where no piece covers it, in modes whose zeros are not black."""

_RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The views of a still in the model's size and still in the still's mode."""

    views: list[Image.Image]
    regions: Regions
    """Of the file's first frame, read-only."""
    scale: float
    """As in `Plan`, for the full still."""


class Renderer:
    """Cuts, scales and crops for one model. Holds no state between calls, so any thread may call."""

    def __init__(self, spec: EncoderSpec, *, fast: bool, coverage: Look) -> None:
        height, width = spec.image_size
        self._target = (width, height)
        self._resize_mode = spec.resize_mode
        scaling = interpolation(self._target, spec.resize_mode, spec.interpolation)
        self._resample = _RESAMPLE.get(scaling, Image.Resampling.BICUBIC)
        self._fast = fast
        self._coverage = coverage

    def draft_size(self, full: Size) -> Size:
        """The least size to decode a JPEG of that size at, before EXIF has turned it."""
        plan = self._plan(full)
        return scaled_by(full, plan.scale * (DRAFT_MARGIN if len(plan.views) == 1 else TILES_DRAFT_MARGIN))

    def count(self, size: Size) -> int:
        """How many views a still of that size has, backdrops and panels not counted."""
        return len(self._plan(size).views)

    def seconds(self, views: int) -> float:
        """About how many CPU seconds so many views take, from a still that is not large."""
        return views * (VIEW + VIEW_PIXEL * self._target[0] * self._target[1])

    def render(self, upright: Image.Image, full: Size) -> Rendered:
        """All views of a still that stands upright and is ``L``, ``RGB``, ``RGBa`` or ``CMYK``, in that mode.

        `full` is its size before it was decoded at a smaller scale, upright or lying on its side.
        """
        full = full if (full[0] > full[1]) == (upright.width > upright.height) else full[::-1]
        plan = self._plan(full)
        if len(plan.views) == 1 and self._coverage == "centre" and not self._fast:
            return _rendered([self._by_recipe(upright)], plan)
        small = [self._cut(upright, view, full) for view in plan.views]
        found = None if self._coverage in {"centre", "tiles"} else self._layout(upright, full, small)
        if found is not None:
            return _rendered([self._cut(upright, view, full) for view in found], plan_of(found, full))
        return _rendered(small, plan)

    def squashed(self, still: Image.Image) -> Image.Image:
        """All of a still in the size of a view, whatever its ratio, for comparing frames and adding them up."""
        return still.resize(self._target, Image.Resampling.BILINEAR, None, REDUCING_GAP)

    def _plan(self, size: Size) -> Plan:
        return plan_for(size, self._target, self._resize_mode, self._coverage)

    def _layout(self, upright: Image.Image, full: Size, small: list[Image.Image]) -> list[View] | None:
        """The views to make instead of the `small` ones where borders or panels ask for others, else None."""

        def look_at(box: Box) -> Sketch:
            ((piece,)) = rescaled((Piece(box, self._target),), full, upright.size)
            return sketch_within(upright, piece.box)

        squashed = len(small) == 1 and self._resize_mode != "longest"
        sketch = sketch_of(small[0]) if squashed else sketch_from(upright)
        return layout(sketch, look_at, full, self._target, self._resize_mode, self._coverage)

    def _by_recipe(self, still: Image.Image) -> Image.Image:
        """Scale all of it, then crop: to the last bit what open_clip does. Of a strip that would make gigapixels."""
        scaled, (x, y) = recipe(still.size, self._target, self._resize_mode)
        across, down = self._target
        return still.resize(scaled, self._resample).crop((x, y, x + across, y + down))

    def _cut(self, still: Image.Image, view: View, full: Size) -> Image.Image:
        """One view, whose boxes are in pixels of the `full` still."""
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


def _rendered(small: list[Image.Image], plan: Plan) -> Rendered:
    return Rendered(small, plan.regions, plan.scale)


def scaled_by(size: Size, scale: float) -> Size:
    """`scale` times the size, rounded down, at least 1 each way."""
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))
