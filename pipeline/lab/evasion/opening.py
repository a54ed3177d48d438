"""A sample as the picture that tricks are played with, and what they made of it as a picture for people."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, ImageStat

from pipeline.rules.images.formats import sniff

LARGEST = 640
"""Pixels of the longer side that tricks work on: models look at less, and 12 million take seconds."""
_LIGHT = 160


def shown(image: bytes, frame: int = 0) -> Image.Image:
    """One frame, `as_shown`. Raises whatever Pillow raises for bytes that it cannot read.

    No decoder is let in but that of the format that the path took the bytes for.
    """
    with Image.open(BytesIO(image), formats=(sniff(image) or "",)) as opened:
        opened.seek(frame)
        return as_shown(opened)


def as_shown(opened: Image.Image) -> Image.Image:
    """The picture as RGB: upright, in sRGB, and where it is transparent on the ground from which it stands out."""
    still = ImageOps.exif_transpose(opened)
    still.thumbnail((LARGEST, LARGEST), reducing_gap=3)
    return _on_ground(_in_srgb(still))


def _on_ground(still: Image.Image) -> Image.Image:
    if not still.has_transparency_data:
        return still.convert("RGB")
    still = still.convert("RGBA")
    light = ImageStat.Stat(still.convert("L"), still.getchannel("A").point(lambda level: 255 * (level > 0)))
    ground = Image.new("RGBA", still.size, "black" if light.count[0] and light.mean[0] > _LIGHT else "white")
    return Image.alpha_composite(ground, still).convert("RGB")


def _in_srgb(still: Image.Image) -> Image.Image:
    profile = still.info.get("icc_profile")
    if profile and still.mode in {"RGB", "CMYK", "L"}:
        with suppress(ImageCms.PyCMSError, OSError):  # viewers ignore a profile that they cannot read
            brought = ImageCms.profileToProfile(
                still, ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return brought or still
    return still


def thumbnail(image: bytes, side: int) -> Image.Image:
    """What a viewer would show, small: all frames of an animation in a square, transparency on black and on white."""
    with Image.open(BytesIO(image)) as opened:
        count = getattr(opened, "n_frames", 1)
        if count == 1:
            return _small(opened, side)
        across = int(np.ceil(np.sqrt(count)))
        cell = max(1, side // across)
        whole = Image.new("RGB", (cell * across, cell * -(-count // across)), "white")
        for index in range(count):
            opened.seek(index)
            small = _small(opened, cell)
            whole.paste(small, (index % across * cell + (cell - small.width) // 2, index // across * cell))
    return whole


def _small(still: Image.Image, side: int) -> Image.Image:
    small = _in_srgb(_by_gamma(still.copy()))
    small.thumbnail((side, side))
    if not small.has_transparency_data:
        return small.convert("RGB")
    small = small.convert("RGBA")
    both = Image.new("RGBA", (2 * small.width, small.height), "white")
    both.paste("black", (0, 0, small.width, small.height))
    for left in (0, small.width):
        both.alpha_composite(small, (left, 0))
    both.thumbnail((side, side))
    return both.convert("RGB")


def _by_gamma(still: Image.Image) -> Image.Image:
    """The still as a viewer shows it that honours PNG's gAMA."""
    gamma = still.info.get("gamma")
    if not gamma or still.mode not in {"L", "RGB"}:
        return still
    linear = np.linspace(0, 1, 256) ** (1 / gamma)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)  # noqa: PLR2004 - sRGB's own
    return still.point([round(255 * level) for level in encoded] * len(still.getbands()))
