"""The headers say, without a decoder, what a file holds, what decoding it costs, and what its decoder gets of it."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.rules.images.headers.bmff import read_bmff
from pipeline.rules.images.headers.bmp import read_bmp
from pipeline.rules.images.headers.gif import read_gif
from pipeline.rules.images.headers.jpeg import read_jpeg
from pipeline.rules.images.headers.png import read_png
from pipeline.rules.images.headers.stored import SRGB, Colour, Stored
from pipeline.rules.images.headers.webp import read_webp

__all__ = ["SRGB", "Colour", "Stored", "read"]


def read(
    name: str, data: bytes, max_pixels: int, *, fast: bool, shrink: Callable[[tuple[int, int], Colour], int]
) -> Stored:
    """What the headers of a file of the accepted format `name` say.

    `shrink` gives the factor by which a JPEG of a (width, height) and those colours will be scaled while it is
    decoded. Raises `ItemError` for what is too large, too much work, or not there.
    """
    if name == "JPEG":
        stored = read_jpeg(data, max_pixels, shrink, fast=fast)
    elif name == "PNG":
        stored = read_png(data, max_pixels, fast=fast)
    elif name == "GIF":
        stored = read_gif(data, max_pixels, fast=fast)
    elif name == "WEBP":
        stored = read_webp(data, max_pixels, fast=fast)
    elif name == "BMP":
        stored = read_bmp(data, max_pixels, fast=fast)
    else:
        stored = read_bmff(name, data, max_pixels, fast=fast)
    stored.work.check()
    return stored
