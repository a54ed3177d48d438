"""The Decoder port on Pillow: bytes of a stranger to the pixels that a model takes.

Every step assumes malice: formats are an allow-list judged by content, sizes are checked before memory is spent on
them, work per animation is bounded, and whatever a decoder raises becomes an `ItemError` with a reason. What is
looked at is decided elsewhere, without pixels: `pipeline.rules.views` and `pipeline.rules.frames`.
"""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image

from pipeline.adapters.pillow.modes import backdrops, plain
from pipeline.adapters.pillow.opening import check_size, check_work, drawn, typed
from pipeline.adapters.pillow.orientation import oriented
from pipeline.errors import ItemError, Reason
from pipeline.items import Pixels
from pipeline.ports import Decoded, EncoderSpec
from pipeline.rules.formats import ACCEPTED, declared_size, describe, sniff
from pipeline.rules.frames import Novelty, Sketch, spread
from pipeline.rules.views import View, centre, interpolation, recipe, tiles, views

Preprocess = Literal["fast", "exact"]

DRAFT_MARGIN = 1.5
"""A JPEG is decoded at a smaller scale only while that leaves this many times the pixels the model takes."""
TILES_DRAFT_MARGIN = 2.0
"""The same for a still that is cut into tiles: at 1.5, a tile of a panorama had a cosine of 0.93 with exact."""
REDUCING_GAP = 2.0
"""How much larger than the target a large still stays after Pillow's cheap first reduction (fast only)."""
SKETCH_SIZE = (16, 16)

_RESAMPLE = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


class PillowDecoder:
    """Decodes, orients, samples frames, scales and crops. Holds no state between calls, so any thread may call.

    ``exact`` gives the pixels of ``open_clip.image_transform``. ``fast`` decodes JPEGs at 1/2, 1/4 or 1/8 scale
    where the model takes no more (the tests hold the cosine of the features at 0.99 or above).
    """

    def __init__(
        self,
        spec: EncoderSpec,
        *,
        preprocess: Preprocess = "fast",
        max_frames: int = 8,
        max_pixels: int = 64_000_000,
    ) -> None:
        height, width = spec.image_size
        self._target = (width, height)
        self._resize_mode = spec.resize_mode
        scaling = interpolation(self._target, spec.resize_mode, spec.interpolation)
        self._resample = _RESAMPLE.get(scaling, Image.Resampling.BICUBIC)
        self._fast = preprocess == "fast"
        self._max_frames = max(1, max_frames)
        self._max_pixels = max_pixels
        side = f"{width}" if width == height else f"{width}x{height}"
        mode = "" if spec.resize_mode == "shortest" else f"-{spec.resize_mode}"
        self.name = f"{preprocess}-{side}-{spec.interpolation}{mode}"

    def decode(self, image: bytes) -> Decoded:
        """``uint8[V,H,W,3]`` of all views of all sampled frames; raises `ItemError`, and nothing else."""
        if not image:
            raise ItemError(Reason.EMPTY, "no bytes")
        name = sniff(image)
        if name is None:
            accepted = ", ".join(ACCEPTED)
            raise ItemError(Reason.NOT_AN_IMAGE, f"{describe(image)}; accepted are {accepted}")
        try:
            return self._decode(name, image)
        except ItemError:
            raise
        except Exception as error:  # a decoder of hostile bytes may raise anything at all
            raise typed(name, image, error) from error

    def _decode(self, name: str, image: bytes) -> Decoded:
        check_size(declared_size(name, image), self._max_pixels)
        with Image.open(BytesIO(image), formats=(name,)) as still:
            check_size(still.size, self._max_pixels)
            frames = 1 if name == "JPEG" else int(getattr(still, "n_frames", 1))
            if frames > 1:
                return self._animation(still, frames, sha256(image).digest())
            if name == "JPEG" and self._fast:
                still.draft(None, self._draft_size(still.size))
            still.load()
            return Decoded(self._views(still), 1)

    def _draft_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The least size (width, height) to decode a JPEG of `size` at; either way up, as EXIF comes later."""
        (piece,) = centre(size, self._target, self._resize_mode)
        left, top, right, bottom = piece.box
        margin = TILES_DRAFT_MARGIN if tiles(size, self._target) else DRAFT_MARGIN
        scale = max(piece.size[0] / (right - left), piece.size[1] / (bottom - top)) * margin
        return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))

    def _animation(self, image: Image.Image, count: int, seed: bytes) -> Decoded:
        check_work(image.size, count, self._max_pixels)
        chosen = spread(count, (self._max_frames + 1) // 2 if count > self._max_frames else count, seed)
        novelty: Novelty[Pixels] = Novelty(self._max_frames - len(chosen))
        taken: list[Pixels] = []
        for index, frame in drawn(image, count, self._max_pixels):
            sketch = _sketch(frame)
            if index in chosen:
                novelty.anchor(sketch)
                taken.append(self._views(frame))
            elif novelty.wants(sketch):
                novelty.keep(sketch, self._views(frame))
        taken += novelty.kept
        return Decoded(np.concatenate(taken), len(taken))

    def _views(self, still: Image.Image) -> Pixels:
        """All views of one loaded still, ``uint8[V,H,W,3]``."""
        upright = plain(oriented(still))
        first, *others = views(upright.size, self._target, self._resize_mode)
        exact = not self._fast and not others
        small = [self._by_recipe(upright) if exact else self._render(upright, first)]
        small += [self._render(upright, view) for view in others]
        rows = [pixels for each in small for pixels in backdrops(each)]
        return rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)  # of one view, as nearly always, no copy

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
        canvas = Image.new(still.mode, self._target)
        for piece, pixels in zip(view, cut, strict=True):
            canvas.paste(pixels, piece.at)
        return canvas


def _sketch(frame: Image.Image) -> Sketch:
    """``int16[16,16,4]``: the frame's colours and alpha, coarsely."""
    scaled = frame.convert("RGBA").resize(SKETCH_SIZE, Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(scaled).astype(np.int16)
