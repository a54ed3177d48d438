"""A picture nobody has asked to see yet: grey patches, which say no more than where it is light and dark."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

SIDE = 10
"""Patches along the longer side."""


def veiled(picture: bytes) -> bytes:
    """A WebP of grey patches, of a picture that this program has drawn itself."""
    with Image.open(BytesIO(picture)) as drawn:
        small = drawn.convert("RGB").convert("L")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    out = BytesIO()
    small.save(out, "WEBP", quality=60)
    return out.getvalue()
