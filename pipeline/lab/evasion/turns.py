"""Turned, mirrored, sheared, stretched, cut: what every gallery's editor offers."""

from __future__ import annotations

import math

from PIL import Image, ImageOps

from pipeline.lab.evasion.saved import jpeg
from pipeline.lab.evasion.trick import Aside

_BICUBIC = Image.Resampling.BICUBIC


def mirrored(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    """Left and right exchanged."""
    return jpeg(ImageOps.mirror(picture))


def turned(picture: Image.Image, _aside: Aside, degrees: float) -> bytes:
    """Turned against the clock, on a white ground that is large enough for all of it."""
    return jpeg(picture.rotate(degrees, _BICUBIC, expand=True, fillcolor="white"))


def turned_and_mirrored(picture: Image.Image, _aside: Aside, degrees: float) -> bytes:
    """Both at once."""
    return jpeg(ImageOps.mirror(picture).rotate(degrees, _BICUBIC, expand=True, fillcolor="white"))


def tilted(picture: Image.Image, aside: Aside, degrees: float) -> bytes:
    """Turned one way or the other, and cut so that no corner is empty, as phones straighten pictures."""
    whole = picture.rotate(aside.draw.choice([degrees, -degrees]), _BICUBIC)
    angle = math.radians(degrees)
    share = 1 / (math.cos(angle) + math.sin(angle))
    return jpeg(_middle(whole, share))


def sheared(picture: Image.Image, _aside: Aside, slope: float) -> bytes:
    """Each row pushed further to the side than the one above."""
    pushed = round(picture.height * slope)
    size = picture.width + pushed, picture.height
    how = (1, slope, -pushed, 0, 1, 0)
    return jpeg(picture.transform(size, Image.Transform.AFFINE, how, _BICUBIC, fillcolor="white"))


def in_perspective(picture: Image.Image, _aside: Aside, far: float) -> bytes:
    """As on a wall seen from the side: the right edge has that share of the left one's height."""
    wide, high = picture.size
    nearing = (1 - far) / wide
    how = (far, 0, 0, -nearing * high / 2, 1, 0, -nearing, 0)
    return jpeg(picture.transform(picture.size, Image.Transform.PERSPECTIVE, how, _BICUBIC, fillcolor="white"))


def stretched(picture: Image.Image, aside: Aside, factor: float) -> bytes:
    """Wider or higher by that factor."""
    wide, high = picture.size
    sizes = [(round(wide * factor), high), (wide, round(high * factor))]
    return jpeg(picture.resize(aside.draw.choice(sizes)))


def cropped(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """The middle alone, of that share of the sides."""
    return jpeg(_middle(picture, share))


def _middle(picture: Image.Image, share: float) -> Image.Image:
    wide, high = max(1, round(picture.width * share)), max(1, round(picture.height * share))
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    return picture.crop((left, top, left + wide, top + high))
