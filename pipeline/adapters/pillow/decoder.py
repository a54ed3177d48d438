"""The Decoder port on Pillow: it makes the pixels that a model takes of a stranger's bytes.

Every step assumes malice: formats are an allow-list judged by content, sizes are checked before memory is spent on
them, work per animation is bounded, and whatever a decoder raises becomes an `ItemError` with a reason. What is
looked at is decided without pixels, in `pipeline.rules.images.views` and `pipeline.rules.images.frames`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Literal, TypeVar

import numpy as np
from PIL import Image

from pipeline.adapters.pillow.colour import AS_IT_IS, EARLY, Transforms, is_steep, to_srgb
from pipeline.adapters.pillow.gallery import Gallery
from pipeline.adapters.pillow.modes import backdrops, conversion, worked
from pipeline.adapters.pillow.opening import as_stored, colour_of, drawn, frames_of, opened, orientation_of, typed
from pipeline.adapters.pillow.orientation import upright
from pipeline.adapters.pillow.pdq import pdq
from pipeline.adapters.pillow.rendering import DRAFT_MARGIN, Renderer, scaled_by
from pipeline.adapters.pillow.thumbnails import thumbnail
from pipeline.errors import ItemError, Reason, StopError
from pipeline.items import Pixels
from pipeline.ports import Decoded, EncoderSpec
from pipeline.rules.images.formats import ACCEPTED, describe, sniff
from pipeline.rules.images.frames import LEAST_FRAMES, frames_for, room_for, some, spread
from pipeline.rules.images.headers import Colour, Stored, read
from pipeline.rules.images.views import Look, Size
from pipeline.rules.images.work import Work, halvings, looking
from pipeline.signals import Pdqs

Preprocess = Literal["fast", "exact"]
Made = TypeVar("Made")

TAILS = (b"\xff\xd9", b"\xaa" * 4096 + b"\xff\xd9")
"""Two ends for a JPEG that has none: where part of the picture is missing, they give different pixels."""


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
        coverage: Look = "whole",
        max_frames: int = 8,
        max_pixels: int = 64_000_000,
        max_views: int = 32,
    ) -> None:
        height, width = spec.image_size
        self._fast = preprocess == "fast"
        coverage = coverage if self._fast or coverage == "tiles" else "centre"
        self._renderer = Renderer(spec, fast=self._fast, coverage=coverage)
        self._max_frames = max(1, max_frames)
        self._max_pixels = max_pixels
        self._max_views = max(LEAST_FRAMES, max_views)
        side = f"{width}" if width == height else f"{width}x{height}"
        mode = "" if spec.resize_mode == "shortest" else f"-{spec.resize_mode}"
        covering = "" if coverage == "centre" else f"-{coverage}"
        limits = {"max_frames": max_frames, "max_pixels": max_pixels, "max_views": max_views}
        self._closer = partial(type(self), spec, preprocess=preprocess, coverage="tiles", **limits)
        self.name = f"{preprocess}-{side}-{spec.interpolation}{mode}{covering}"

    def decode(self, image: bytes) -> Decoded:
        """``uint8[V,H,W,3]`` of all views of all sampled frames; raises `ItemError`, and nothing else."""
        return _made(self._decode, image)

    def tiles(self, image: bytes) -> Decoded:
        """Likewise, of the tiles of a still."""
        return self._closer().decode(image)

    def pdq(self, image: bytes) -> Pdqs:
        """``PDQ[P]`` of the first frame. Raises `ItemError`, and `StopError` where the library is not installed."""
        return _made(lambda name, data: pdq(name, data, self._max_pixels, whole=not self._fast), image)

    def thumbnail(self, image: bytes, frame: int) -> bytes:
        """A WebP of at most 256 pixels either way. Raises `ItemError`, and nothing else."""
        return _made(lambda name, data: thumbnail(name, data, self._max_pixels, frame, whole=not self._fast), image)

    def _decode(self, name: str, image: bytes) -> Decoded:
        stored = read(name, image, self._max_pixels, fast=self._fast, shrink=self._shrink)
        if not stored.lacks_end:
            return self._shown(name, stored, image)
        # One tail has nonsense before the end: where no pixel depends on it, none is missing.
        either, other = (self._shown(name, replace(stored, data=stored.data + tail), image) for tail in TAILS)
        if np.array_equal(either.pixels, other.pixels):
            return either
        raise ItemError(Reason.TRUNCATED, f"{name}: part of the picture is missing ({len(image):,} bytes)")

    def _shown(self, name: str, stored: Stored, image: bytes) -> Decoded:
        with opened(name, stored) as still:
            frames = frames_of(name, stored, still)
            if frames > 1:
                return self._animation(still, frames, stored, sha256(image).digest())
            full = still.size
            if self._shrink(full, stored.colour) > 1 and name == "JPEG":
                still.draft(None, self._renderer.draft_size(full))
            still.load()
            views, scale = self._ways_up(still, stored, full)
            too_small = still.size != full and still.width < scale * full[0]
        if too_small:
            views = self._finer(name, stored, scale, views)
        return _some(views, self._max_views)

    def _finer(self, name: str, stored: Stored, scale: float, views: Decoded) -> Decoded:
        """The views of a JPEG once more, from more of its pixels: its borders or panels gave views that need them.

        Gives back the `views` that there are where decoding it again would be too much work.
        """
        try:
            again = read(name, stored.data, self._max_pixels, fast=True, shrink=lambda _size, _colour: 1)
            stored.work.and_more(again.work.seconds).check()
        except ItemError:
            return views
        with opened(name, stored) as still:
            full = still.size
            still.draft(None, scaled_by(full, scale * DRAFT_MARGIN))
            still.load()
            return self._ways_up(still, stored, full)[0]

    def _ways_up(self, still: Image.Image, stored: Stored, full: Size, frame: int = 0) -> tuple[Decoded, float]:
        """All views of a loaded still and their scale; where viewers differ, those of it as it is stored as well."""
        views, scale = self._views(*self._prepared(still, stored), full, frame)
        if not stored.either_way_up:
            return views, scale
        lying = self._views(*self._prepared(still, as_stored(stored)), full, frame)[0]
        pixels = np.concatenate([views.pixels, lying.pixels])
        return Decoded(pixels, np.concatenate([views.regions, lying.regions])), scale

    def _prepared(self, still: Image.Image, stored: Stored) -> tuple[Image.Image, Transforms]:
        """The loaded still upright, no larger than worth while and ready to be scaled, and its colour transforms.

        Under exact, colours are left as open_clip's transform leaves them: it knows no profiles.
        """
        convert, mode = conversion(still)
        if self._fast:
            transforms = to_srgb(colour_of(stored, still), mode)
            if transforms.early is not None:
                stored.work.and_more(EARLY * still.width * still.height * stored.frames).check()
            plainly = worked(still, convert, transforms.early, factor=halvings(still.size))
        else:
            transforms, plainly = AS_IT_IS, worked(still, convert)
            plainly = plainly.convert("RGB") if mode == "CMYK" else plainly
        return upright(plainly, orientation_of(stored, still)), transforms

    def _shrink(self, size: tuple[int, int], colour: Colour) -> int:
        """The factor, of 1, 2, 4 and 8, by which Pillow will scale a JPEG of `size` while it decodes it."""
        if not self._fast or not min(size) or is_steep(colour):
            return 1
        across, down = self._renderer.draft_size(size)
        factor = min(size[0] // across, size[1] // down)
        return max(each for each in (1, 2, 4, 8) if each <= max(1, factor))

    def _animation(self, image: Image.Image, count: int, stored: Stored, seed: bytes) -> Decoded:
        views_each = self._renderer.count(stored.size if stored.composed else image.size)
        limit = frames_for(self._max_frames, self._max_views, views_each)
        chosen = spread(count, (limit + 1) // 2 if count > limit else count, seed)
        room = room_for(limit, self._max_views, views_each)
        spend = _budget(stored.work)

        def squashed(frame: Image.Image) -> Pixels:
            still, transforms = self._prepared(frame, as_stored(stored))
            spend(looking(frame.size, 1, translucent=still.mode == "RGBa") + self._renderer.seconds(1))
            return self._squashed(still, transforms)

        gallery = Gallery(chosen, limit - len(chosen), room - len(chosen), squashed)
        for index, frame in drawn(image, count, stored):
            if gallery.wants(index, frame):
                views, _ = self._ways_up(frame, stored, frame.size, index)
                spend(self._renderer.seconds(len(views.pixels)))
                gallery.keep(_some(views, self._max_views // limit, index))
        return gallery.views(self._max_views)

    def _squashed(self, still: Image.Image, transforms: Transforms) -> Pixels:
        """All of a still in one view, on black where it is transparent."""
        small = self._renderer.squashed(still)
        return backdrops(small if transforms.late is None else transforms.late(small))[0]

    def _views(self, still: Image.Image, transforms: Transforms, full: Size, frame: int = 0) -> tuple[Decoded, float]:
        """All views of one still that was `_prepared`, and their scale; `transforms` are its own."""
        rendered = self._renderer.render(still, full)
        small = rendered.views if transforms.late is None else [transforms.late(each) for each in rendered.views]
        over = [backdrops(each) for each in small]
        rows = [pixels for each in over for pixels in each]
        regions = rendered.regions
        if frame or len(rows) != len(small):
            regions = np.repeat(regions, [len(each) for each in over])
            regions["frame"] = frame
        # A single view, the most frequent case, is not copied.
        pixels = rows[0][np.newaxis] if len(rows) == 1 else np.stack(rows)
        return Decoded(pixels, regions), rendered.scale


def _made(make: Callable[[str, bytes], Made], image: bytes) -> Made:
    """What `make` makes of an image of the format that it is given. Raises `ItemError`, whatever `make` raises."""
    if not image:
        raise ItemError(Reason.EMPTY, "no bytes")
    name = sniff(image)
    if name is None:
        accepted = ", ".join(ACCEPTED)
        raise ItemError(Reason.NOT_AN_IMAGE, f"{describe(image)}; accepted are {accepted}")
    try:
        return make(name, image)
    except (ItemError, StopError):
        raise
    except Exception as error:  # a decoder of hostile bytes may raise anything at all
        raise typed(name, image, error) from error


def _budget(work: Work) -> Callable[[float], None]:
    """Takes seconds that headers could not tell of: how many frames are novel, or brief, shows only on the way."""

    def spend(seconds: float) -> None:
        nonlocal work
        work = work.and_more(seconds)
        work.check()

    return spend


def _some(views: Decoded, most: int, turn: int = 0) -> Decoded:
    """At most `most` of one frame's views; from frame to frame, others have their `turn`."""
    return Decoded(some(views.pixels, most, turn), some(views.regions, most, turn))
