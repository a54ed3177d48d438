"""Sound files of every format, small, which mutations start from; made once in each process, always the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from PIL import Image

from tests import hostile_images as hostile
from tests import images
from tests.fuzz.formats import isobmff

Make = Callable[[], bytes]

SMALL, TINY = images.photograph(64, 48), images.photograph(24, 24)


def _frames(mode: str = "RGB") -> list[Image.Image]:
    return [images.soft(30, 20, seed=seed).convert(mode) for seed in range(5)]


def _jpeg(**options: object) -> Make:
    return lambda: images.encoded(SMALL, "JPEG", **options)


def _mpo() -> bytes:
    return images.encoded(SMALL, "MPO", save_all=True, append_images=[TINY])


def _coloured_png() -> bytes:
    more = (b"gAMA", b"\0\0\x10\0"), (b"cICP", b"\x09\x10\0\1"), (b"tEXt", b"a\0b")
    return hostile.with_chunks(images.encoded(TINY, icc_profile=hostile.icc(1.0)), *more)


JPEG: list[Make] = [
    _jpeg(),
    _jpeg(progressive=True),
    _jpeg(subsampling=0, restart_marker_blocks=2),
    _jpeg(icc_profile=hostile.icc(1.8), exif=hostile.exif((274, 3, 1, 6))),
    lambda: images.encoded(SMALL.convert("L"), "JPEG"),
    lambda: images.encoded(SMALL.convert("CMYK"), "JPEG"),
    lambda: hostile.many_scans(24, 12, "RGB"),
    _mpo,
]
PNG: list[Make] = [
    lambda: images.encoded(TINY),
    lambda: images.encoded(TINY.quantize(16)),
    lambda: images.encoded(TINY.quantize(200), transparency=3),
    lambda: images.encoded(TINY.convert("1")),
    lambda: images.encoded(images.on_nothing(images.RED, (40, 40))),
    lambda: images.deep_grey((40, 8)),
    _coloured_png,
    lambda: images.animated(_frames(), "PNG", duration=0),
    lambda: images.animated(_frames("RGBA"), "PNG", default_image=True, blend=1, disposal=2),
    lambda: images.animated([each.quantize(9) for each in _frames()], "PNG"),
]
WEBP: list[Make] = [
    lambda: images.encoded(SMALL, "WEBP"),
    lambda: images.encoded(TINY, "WEBP", lossless=True),
    lambda: images.encoded(images.on_nothing(images.BLUE, (40, 40)), "WEBP", quality=60),
    lambda: images.encoded(TINY, "WEBP", icc_profile=hostile.icc(3.0), exif=hostile.exif((274, 3, 1, 8))),
    lambda: images.animated(_frames(), "WEBP", duration=0),
    lambda: images.animated(_frames("RGBA"), "WEBP", lossless=True, minimize_size=True),
]
GIF: list[Make] = [
    lambda: images.encoded(TINY, "GIF"),
    lambda: images.encoded(TINY.quantize(4), "GIF", transparency=1, interlace=1),
    lambda: images.animated(_frames(), "GIF", duration=0, loop=0, disposal=2),
    lambda: images.animated(_frames("P"), "GIF", duration=[0, 1, 2, 3, 4], disposal=3, optimize=False),
    lambda: images.hand_made_gif(12, (50, 40)),
]
BMP: list[Make] = [
    lambda: images.encoded(TINY, "BMP"),
    lambda: images.encoded(TINY.quantize(200), "BMP"),
    lambda: images.encoded(TINY.convert("1"), "BMP"),
    lambda: images.encoded(images.on_nothing(images.RED, (40, 40)), "BMP"),
    lambda: hostile.rle_bmp((40, 30), b"\x14\x01\x00\x00" * 30 + b"\x00\x01"),
    lambda: hostile.rle_bmp((20, 20), b"\x14\x12\x00\x00\x00\x05\x12\x34\x50\x00" * 10 + b"\x00\x01", kind=2),
]
AVIF: list[Make] = [
    lambda: isobmff.avif((33, 17), 30),
    lambda: isobmff.avif((64, 48), 10),
    lambda: images.encoded(images.on_nothing(images.RED, (40, 40)), "AVIF", speed=10),
    lambda: images.encoded(TINY, "AVIF", speed=10, icc_profile=hostile.icc(1.8), subsampling="4:4:4"),
    lambda: isobmff.sequence((32, 24), 4),
]
HEIC: list[Make] = [lambda: isobmff.heic((33, 17), 30), lambda: isobmff.heic((64, 48), 10)]

BY_FORMAT = {"JPEG": JPEG, "PNG": PNG, "WEBP": WEBP, "GIF": GIF, "BMP": BMP, "AVIF": AVIF, "HEIC": HEIC}


@cache
def sound(name: str) -> tuple[bytes, ...]:
    """The sound files of a format."""
    return tuple(make() for make in BY_FORMAT[name])
