"""Sent on so often that little is left: strong compression, and scaling down and up again."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from pipeline.lab.evasion.saved import jpeg, png, saved
from pipeline.lab.evasion.trick import Aside


def saved_again(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    """No trick: what is lost here is lost by the drill itself."""
    return png(picture)


def jpeg_of(picture: Image.Image, _aside: Aside, quality: float) -> bytes:
    return jpeg(picture, round(quality))


def webp_of(picture: Image.Image, _aside: Aside, quality: float) -> bytes:
    return saved(picture, "WEBP", quality=round(quality), method=0)


def again_and_again(picture: Image.Image, _aside: Aside, times: float) -> bytes:
    """That many times through a JPEG of quality 30, each a few pixels smaller than the last."""
    for _ in range(round(times)):
        picture = picture.resize((max(8, picture.width - 6), max(8, picture.height - 6)))
        picture = Image.open(BytesIO(jpeg(picture, 30)))
    return jpeg(picture)


def shrunk(picture: Image.Image, _aside: Aside, side: float) -> bytes:
    """Scaled down to that many pixels a side, and up again."""
    small = picture.resize((round(side), round(side)), Image.Resampling.BOX)
    return jpeg(small.resize(picture.size, Image.Resampling.BICUBIC))


def pixelated(picture: Image.Image, _aside: Aside, side: float) -> bytes:
    """That many coarse squares a side."""
    small = picture.resize((round(side), round(side)), Image.Resampling.BOX)
    return jpeg(small.resize(picture.size, Image.Resampling.NEAREST))
