"""Colours and tones changed for good."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from pipeline.lab.evasion.saved import jpeg, png, saved
from pipeline.lab.evasion.trick import Aside, Make


def grey(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    return jpeg(picture.convert("L"))


def negative(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    return jpeg(ImageOps.invert(picture))


def posterised(picture: Image.Image, _aside: Aside, bits: float) -> bytes:
    """That many bits are left of each channel."""
    return png(ImageOps.posterize(picture, round(bits)))


def hue_turned(picture: Image.Image, _aside: Aside, degrees: float) -> bytes:
    hue, saturation, value = picture.convert("HSV").split()
    turned = hue.point(lambda level: (level + round(degrees * 256 / 360)) % 256)
    return jpeg(Image.merge("HSV", (turned, saturation, value)).convert("RGB"))


def toned(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    """In browns, as an old photograph."""
    return jpeg(ImageOps.colorize(picture.convert("L"), "#201008", "#fff0d0"))


def enhanced(how: Callable[[Image.Image], ImageEnhance._Enhance]) -> Make:
    """Brighter or darker, paler or harder, by Pillow's factor: 1 leaves it as it is."""

    def make(picture: Image.Image, _aside: Aside, factor: float) -> bytes:
        return jpeg(how(picture).enhance(factor))

    return make


def outlined(picture: Image.Image, _aside: Aside, _strength: float) -> bytes:
    """Its outlines alone, in black on white."""
    edges = picture.convert("L").filter(ImageFilter.GaussianBlur(1.5)).filter(ImageFilter.FIND_EDGES)
    return png(ImageOps.invert(ImageOps.autocontrast(edges, cutoff=(0, 3))))


def few_colours(picture: Image.Image, _aside: Aside, count: float) -> bytes:
    """A GIF of that many colours."""
    return saved(picture.quantize(round(count)), "GIF")
