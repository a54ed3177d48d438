"""A loaded still to the small images that a model takes: what `pipeline.rules.views` says, done by Pillow."""

from __future__ import annotations

from PIL import Image

from pipeline.ports import EncoderSpec
from pipeline.rules.views import View, centre, interpolation, recipe, tiles, views

DRAFT_MARGIN = 1.5
"""A JPEG is decoded at a smaller scale only while that leaves this many times the pixels the model takes."""
TILES_DRAFT_MARGIN = 2.0
"""The same for a still that is cut into tiles: at 1.5, a tile of a panorama had a cosine of 0.93 with exact."""
REDUCING_GAP = 2.0
"""How much larger than the target a large still stays after Pillow's cheap first reduction (fast only)."""

BLACK = {"CMYK": (0, 0, 0, 255)}
"""What a view is filled with where no piece covers it, in modes whose zeros are not black."""

_RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


class Renderer:
    """Cuts, scales and crops for one model. Holds no state between calls, so any thread may call."""

    def __init__(self, spec: EncoderSpec, *, fast: bool) -> None:
        height, width = spec.image_size
        self._target = (width, height)
        self._resize_mode = spec.resize_mode
        scaling = interpolation(self._target, spec.resize_mode, spec.interpolation)
        self._resample = _RESAMPLE.get(scaling, Image.Resampling.BICUBIC)
        self._fast = fast

    def draft_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The least size (width, height) to decode a JPEG of `size` at; either way up, as EXIF comes later."""
        (piece,) = centre(size, self._target, self._resize_mode)
        left, top, right, bottom = piece.box
        margin = TILES_DRAFT_MARGIN if tiles(size, self._target) else DRAFT_MARGIN
        scale = max(piece.size[0] / (right - left), piece.size[1] / (bottom - top)) * margin
        return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))

    def small(self, upright: Image.Image) -> list[Image.Image]:
        """All views of a still that stands upright and is ``L``, ``RGB``, ``RGBa`` or ``CMYK``, in that mode."""
        first, *others = views(upright.size, self._target, self._resize_mode)
        exact = not self._fast and not others
        small = [self._by_recipe(upright) if exact else self._render(upright, first)]
        return small + [self._render(upright, view) for view in others]

    def _by_recipe(self, still: Image.Image) -> Image.Image:
        """Scale all of it, then crop: to the last bit what open_clip does. Only for stills of ordinary ratio."""
        scaled, (x, y) = recipe(still.size, self._target, self._resize_mode)
        across, down = self._target
        return still.resize(scaled, self._resample).crop((x, y, x + across, y + down))

    def _render(self, still: Image.Image, view: View) -> Image.Image:
        gap = REDUCING_GAP if self._fast else None
        cut = [still.resize(piece.size, self._resample, piece.box, gap) for piece in view]
        if len(cut) == 1 and cut[0].size == self._target:
            return cut[0]
        canvas = Image.new(still.mode, self._target, BLACK.get(still.mode, 0))
        for piece, pixels in zip(view, cut, strict=True):
            canvas.paste(pixels, piece.at)
        return canvas

    def count(self, size: tuple[int, int]) -> int:
        """How many views a still of that size (width, height) has, backdrops not counted."""
        return len(views(size, self._target, self._resize_mode))
