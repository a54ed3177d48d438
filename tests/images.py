"""Images that tests need: photograph-like ones, and every kind that a stranger may send to get past a moderator."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

RED, GREEN, BLUE = (220, 30, 30), (30, 160, 60), (30, 60, 220)


def photograph(width: int, height: int, seed: int = 0, *, detail: int = 8) -> Image.Image:
    """An RGB still with a photograph's statistics: 1/f noise (octaves, each half as strong) and a few solid things.

    `detail` octaves: the finest grain is 2**-detail of the longer side.
    """
    draw_from = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(1, detail + 1):
        cells = 2**octave
        down = max(2, round(cells * height / max(width, height)))
        across = max(2, round(cells * width / max(width, height)))
        grain = Image.fromarray(draw_from.integers(0, 256, (down, across, 3), np.uint8))
        scaled = grain.resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(scaled, np.float32) - 128) * 0.9 / octave
    still = Image.fromarray((total + 128).clip(0, 255).astype(np.uint8))
    return _with_things(still, random.Random(seed))


def _with_things(still: Image.Image, draw_from: random.Random) -> Image.Image:
    width, height = still.size
    pen = ImageDraw.Draw(still)
    for _ in range(9):
        x, y = draw_from.randrange(width), draw_from.randrange(height)
        side = draw_from.randrange(max(2, min(width, height) // 12), max(3, min(width, height) // 3))
        colour = tuple(draw_from.randrange(256) for _ in range(3))
        shape = draw_from.choice([pen.ellipse, pen.rectangle])
        shape((x, y, x + side, y + side), fill=colour, outline=(20, 20, 20), width=max(1, side // 40))
    return still


def soft(width: int, height: int, seed: int = 0) -> Image.Image:
    """An RGB still without an edge anywhere."""
    grain = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)


def flat(colour: tuple[int, ...], size: tuple[int, int] = (96, 96), mode: str = "RGB") -> Image.Image:
    """One colour all over."""
    return Image.new(mode, size, colour)


def encoded(still: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The bytes of a file of that format; `options` are Pillow's own."""
    out = BytesIO()
    still.save(out, form, **options)
    return out.getvalue()


def animated(frames: Sequence[Image.Image], form: str = "GIF", **options: Any) -> bytes:
    """The bytes of an animation: GIF, PNG (APNG), WEBP or AVIF."""
    return encoded(frames[0], form, save_all=True, append_images=list(frames[1:]), **options)


def turned(still: Image.Image, orientation: int, form: str = "JPEG", **options: Any) -> bytes:
    """A file whose pixels are stored turned, with the EXIF orientation (1..8) that shows `still` upright."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = still.transpose(undo[orientation]) if orientation in undo else still
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, form, exif=exif, **options)


def corners(size: tuple[int, int] = (128, 96)) -> Image.Image:
    """Four quarters, each of its own colour, so that any turn or flip shows."""
    still = Image.new("RGB", size)
    (width, height), (x, y) = size, (size[0] // 2, size[1] // 2)
    boxes = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    for box, colour in zip(boxes, [RED, GREEN, BLUE, (240, 240, 60)], strict=True):
        still.paste(colour, box)
    return still


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb_png(width: int = 48_000, height: int = 48_000, rows: int = 0) -> bytes:
    """A few bytes that promise gigapixels; with `rows`, that many of them are really there (black, one bit each)."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" * ((width // 8 + 1) * rows), 9)
    parts = [png_chunk(b"IHDR", header), png_chunk(b"IDAT", body), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bomb_webp(width: int = 16_000_000, height: int = 16_000_000) -> bytes:
    """An extended WebP header with a huge canvas and nothing on it."""
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\x00\x00\x00" + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


def long_gif(frames: int, *, bad_at: int | None = None, size: tuple[int, int] = (64, 64)) -> bytes:
    """A GIF of `frames` blue frames, of which the one at `bad_at` is red."""
    blue = [flat((10 + index % 40, 20, 200), size) for index in range(frames)]
    if bad_at is not None:
        blue[bad_at] = flat(RED, size)
    return animated(blue, duration=20, loop=0, optimize=False)


def hand_made_gif(frames: int, size: tuple[int, int]) -> bytes:
    """A GIF that costs 20 bytes a frame and a whole canvas of work each."""
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    frame = b"\x21\xf9\x04\x08\x02\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    return screen + (frame + b"\x02\x02\x44\x01\x00") * frames + b";"


def deep_grey(size: tuple[int, int] = (64, 64)) -> bytes:
    """A 16-bit grey PNG: a ramp from black to white."""
    ramp = np.linspace(0, 65535, size[0]).astype(np.uint16)
    return encoded(Image.fromarray(np.tile(ramp, (size[1], 1))))


def on_nothing(ink: tuple[int, int, int], size: tuple[int, int] = (96, 96)) -> Image.Image:
    """A disc of that colour on full transparency, ``RGBA``."""
    still = Image.new("RGBA", size, (*ink, 0))
    ImageDraw.Draw(still).ellipse((16, 16, size[0] - 16, size[1] - 16), fill=(*ink, 255))
    return still


HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>nginx</body></html>\n"
