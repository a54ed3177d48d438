"""The colours of a picture that is learned from, whatever mode its file stores them in."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.rules.images.deep import eight_bits, opacity


def rgba(image: Image.Image) -> Image.Image:
    """RGBA. Raises ``ValueError`` for grey of floating point, which says nothing of what is white."""
    if image.mode == "F":
        raise ValueError("grey of floating point, which says nothing of what is white; store it with 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image.convert("RGBA")
    levels, hidden = np.asarray(image), image.info.get("transparency")
    grey = Image.fromarray(eight_bits(levels))
    if isinstance(hidden, int):
        grey.putalpha(Image.fromarray(opacity(levels, hidden)))
    return grey.convert("RGBA")


def on_white(image: Image.Image) -> Image.Image:
    """RGB, on white where it is transparent: what files hold there was never meant to be seen. Raises as `rgba`."""
    if not image.has_transparency_data:
        return rgba(image).convert("RGB")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(rgba(image))
    return page.convert("RGB")
