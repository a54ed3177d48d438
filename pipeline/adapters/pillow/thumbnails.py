"""A small picture of a stranger's image, for people: upright, in sRGB, and whatever shows through still does."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from PIL import Image

from pipeline.adapters.pillow.colour import EARLY, is_steep, to_srgb
from pipeline.adapters.pillow.modes import conversion, worked
from pipeline.adapters.pillow.opening import as_stored, colour_of, drawn, frames_of, opened, orientation_of
from pipeline.adapters.pillow.orientation import upright
from pipeline.rules.images.headers import Colour, Stored, read
from pipeline.rules.images.views import Size
from pipeline.rules.images.work import halvings

SIDE = 256
"""Pixels of the longer side, at most."""
NEAR = 24
"""Frames of an animation, from the first, of which any can be shown: all before it must be drawn."""
QUALITY, METHOD = 75, 2
"""As libwebp counts them; method 2 takes two thirds of the time of the default, 4, and 9% more bytes."""
_GAP = 2.0


def thumbnail(name: str, image: bytes, max_pixels: int, frame: int = 0, *, whole: bool = False) -> bytes:
    """A WebP of that frame, or of the first where it is not `NEAR`. Raises `ItemError`, and what Pillow raises."""
    shown = small(name, image, max_pixels, SIDE, frame, whole=whole)
    out = BytesIO()
    shown.convert("RGBA" if shown.mode == "RGBa" else "RGB").save(out, "WEBP", quality=QUALITY, method=METHOD)
    return out.getvalue()


def small(name: str, image: bytes, max_pixels: int, side: int, frame: int = 0, *, whole: bool = False) -> Image.Image:
    """That frame as a viewer shows it, of at most `side` pixels either way; ``RGBa`` where something shows through.

    Raises `ItemError`, and what Pillow raises.
    """
    return ways_up(name, image, max_pixels, side, frame, whole=whole)[0]


def ways_up(
    name: str, image: bytes, max_pixels: int, side: int, frame: int = 0, *, whole: bool = False
) -> list[Image.Image]:
    """What is `small`, and it as it is stored as well where viewers differ on how it is turned.

    With `whole`, a JPEG is decoded at its full size first: at a scale, one whose values are cut off may differ.
    """

    def shrink(size: Size, colour: Colour) -> int:
        return 1 if whole else _shrink(size, colour, side)

    stored = read(name, image, max_pixels, fast=True, shrink=shrink)
    if stored.lacks_end:
        stored = replace(stored, data=stored.data + b"\xff\xd9")
    with opened(name, stored) as file:
        still = _drawn(name, stored, file, frame, max(file.size) if whole else side)
        convert, mode = conversion(still)
        transforms = to_srgb(colour_of(stored, still), mode)
        if transforms.early is not None:
            stored.work.and_more(EARLY * still.width * still.height).check()
        plainly = worked(still, convert, transforms.early, factor=halvings(still.size))
        turns = [orientation_of(each, still) for each in (stored, as_stored(stored))]
    made = []
    for turn in turns[: 1 + stored.either_way_up]:
        turned = upright(plainly, turn)
        scaled = turned.resize(_fitting(turned.size, side), Image.Resampling.BICUBIC, reducing_gap=_GAP)
        made.append(scaled if transforms.late is None else transforms.late(scaled))
    return made


def _drawn(name: str, stored: Stored, file: Image.Image, frame: int, side: int) -> Image.Image:
    """The frame, loaded; a JPEG's no larger than worth while."""
    count = frames_of(name, stored, file)
    if count > 1:
        *_, (_, still) = drawn(file, frame + 1 if frame < min(count, NEAR) else 1, stored)
        return still
    if name == "JPEG" and _shrink(file.size, stored.colour, side) > 1:
        file.draft(None, _fitting(file.size, side))
    file.load()
    return file


def _shrink(size: Size, colour: Colour, side: int) -> int:
    """The factor, of 1, 2, 4 and 8, by which Pillow will scale a JPEG of `size` while it decodes it."""
    if not min(size) or is_steep(colour):
        return 1
    across, down = _fitting(size, side)
    return max(each for each in (1, 2, 4, 8) if each <= max(1, min(size[0] // across, size[1] // down)))


def _fitting(size: Size, side: int) -> Size:
    """At most `side` either way, in the same ratio as far as there are pixels for it; never larger than it is."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
