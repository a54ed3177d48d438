"""From whatever mode a file was stored in to ``RGB``, or to ``RGBa`` where something shows through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OPAQUE = 250
"""Alpha from here on hides nothing: over black or white a pixel moves by 2% at most."""


def plain(image: Image.Image) -> Image.Image:
    """A loaded still as ``L``, ``RGB`` or, where alpha is really used, ``RGBa`` (premultiplied).

    Grey stays grey until it is small, and premultiplied colours may be scaled without fringes.
    """
    if image.mode.startswith("I"):
        return _from_deep(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        lowest = image.getchannel("A").getextrema()[0]
        if isinstance(lowest, (int, float)) and lowest < OPAQUE:
            return image.convert("RGBa")
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits by its high byte (Pillow's own conversion clips), its transparent level kept."""
    levels = np.asarray(image).astype(np.int64).clip(0, 65535)
    grey = Image.fromarray((levels >> 8).astype(np.uint8))
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return grey
    grey.putalpha(Image.fromarray(np.where(levels == key, 0, 255).astype(np.uint8)))
    return plain(grey)


def backdrops(image: Image.Image) -> list[NDArray[np.uint8]]:
    """``uint8[H,W,3]`` of a small still: one of an opaque one; over black and over white of one that is not.

    What is drawn in white on nothing shows over black only, and the other way round.
    """
    if image.mode != "RGBa":
        return [np.asarray(image.convert("RGB"))]
    premultiplied = np.asarray(image)
    black = premultiplied[..., :3]
    white = black.astype(np.uint16) + (255 - premultiplied[..., 3:])
    return [black, white.clip(0, 255).astype(np.uint8)]
