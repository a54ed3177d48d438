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
from pipeline.adapters.pillow.rendering import Renderer
from pipeline.errors import ItemError, Reason
from pipeline.items import Pixels
from pipeline.ports import Decoded, EncoderSpec
from pipeline.rules.formats import ACCEPTED, declared_size, describe, sniff
from pipeline.rules.frames import Novelty, Sketch, spread

Preprocess = Literal["fast", "exact"]

SKETCH_SIZE = (16, 16)


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
        self._fast = preprocess == "fast"
        self._renderer = Renderer(spec, fast=self._fast)
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
                still.draft(None, self._renderer.draft_size(still.size))
            still.load()
            return Decoded(self._views(still), 1)

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
        small = self._renderer.small(plain(oriented(still)))
        rows = [pixels for each in small for pixels in backdrops(each)]
        return rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)  # of one view, as nearly always, no copy


def _sketch(frame: Image.Image) -> Sketch:
    """``int16[16,16,4]``: the frame's colours and alpha, coarsely."""
    scaled = frame.convert("RGBA").resize(SKETCH_SIZE, Image.Resampling.BOX, reducing_gap=1.0)
    return np.asarray(scaled).astype(np.int16)
