"""Colours that are stored wrong and shown right: a profile or a gamma beside the pixels puts them straight."""

from __future__ import annotations

import struct
from functools import cache

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from pipeline.lab.evasion.saved import png, saved
from pipeline.lab.evasion.trick import Aside

_CREATED_AT, _TAGS_AT, _ROW = 24, 132, 12
"""Where a profile says when it was made, where its table of tags begins, and the bytes of a row there, whose first
are the tag's name. ICC.1, 7.2 and 7.3."""
_TURNED = {b"gXYZ": b"rXYZ", b"bXYZ": b"gXYZ", b"rXYZ": b"bXYZ"}
_LEVELS = range(256)


def swapped_with_profile(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    """Green stored as red, blue as green, red as blue, and a profile that says so."""
    red, green, blue = picture.split()
    return saved(Image.merge("RGB", (green, blue, red)), "JPEG", quality=92, icc_profile=turned_profile())


@cache
def turned_profile() -> bytes:
    """The sRGB profile with its primaries named in turn: the first channel is green light, and so on."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_CREATED_AT : _CREATED_AT + 12] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # the same bytes on another day
    (count,) = struct.unpack(">I", made[_TAGS_AT - 4 : _TAGS_AT])
    for at in range(_TAGS_AT, _TAGS_AT + _ROW * count, _ROW):
        name = bytes(made[at : at + 4])
        made[at : at + 4] = _TURNED.get(name, name)
    return bytes(made)


def dark_with_gamma(picture: Image.Image, _aside: Aside, gamma: float) -> bytes:
    """A PNG stored so dark that only a viewer that honours its gAMA shows it; W3C's PNG, 11.3.2.2."""
    linear = [((level / 255 + 0.055) / 1.055) ** 2.4 if level > 10 else level / 255 / 12.92 for level in _LEVELS]  # noqa: PLR2004
    stored = [round(255 * value**gamma) for value in linear]
    chunk = PngInfo()
    chunk.add(b"gAMA", struct.pack(">I", round(100_000 * gamma)))
    return png(picture.point(stored * 3), pnginfo=chunk)
