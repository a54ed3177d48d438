"""GIF: a walk over its blocks, which finds the frames without decoding any.

Pillow counts them by reading the whole file byte by byte, twice, and enlarges the canvas for a frame that reaches
beyond it; both are found here before. Source: GIF89a specification, sections 15 to 27.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.stored import Stored
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying, looking

MAX_BLOCKS = 500_000
"""Blocks of up to 255 bytes: an image of 50 MB has less than half as many. Pillow takes a microsecond for each."""
BLOCK = 1.2e-6
BYTE = 15e-9
"""Seconds for a coded byte, of which one code after another is taken."""
PIXEL = 5e-9
"""Seconds for a pixel of a frame, for palette and pasting."""
CANVAS, MIXED_CANVAS = 4e-9, 9e-9
"""Seconds, for each frame, for a pixel of the canvas, which the frame may replace. It is dearer in full colour: where
frames are transparent or have palettes of their own."""
FRAME = 0.2e-3
CANVAS_COPIES = 4
"""Canvases that are in memory at a time: the canvas, what is thrown away, a frame and its colours."""

_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
_CONTROL = b"\xf9\x04"


@dataclass
class _Walk:
    at: int
    canvas: tuple[int, int]
    blocks: int = 0
    frames: int = 0
    area: int = 0
    mixed: bool = False
    """Whether a frame has transparency or a palette of its own."""


def read_gif(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large or too much work."""
    walk = _walk(data)
    check_size("GIF", walk.canvas, max_pixels)
    pixels = walk.canvas[0] * walk.canvas[1]
    name = f"GIF of {walk.canvas[0]:,} x {walk.canvas[1]:,} pixels"
    seconds = walk.blocks * BLOCK + len(data) * BYTE + walk.area * PIXEL
    if walk.frames > 1:
        seconds += walk.frames * (pixels * (MIXED_CANVAS if walk.mixed else CANVAS) + FRAME)
        seconds += looking(walk.canvas, walk.frames, translucent=walk.mixed)
        work = Work(seconds, pixels * PILLOW_PIXEL * CANVAS_COPIES, f"{name} in {walk.frames:,} frames")
    else:
        seconds += copying(walk.canvas, converted=True, turned=False, fast=fast)
        memory = pixels + copies(walk.canvas, converted=True, turned=False, fast=fast)
        work = Work(seconds, memory, name)
    return Stored(data, walk.canvas, work, max(walk.frames, 1))


def _walk(data: bytes) -> _Walk:
    walk = _Walk(13, (int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")))
    walk.at += _palette(data[10:11])
    while walk.at < len(data) and data[walk.at] != _TRAILER:
        kind = data[walk.at]
        walk.at += 1
        _count(walk)  # empty extensions too, and what Pillow skips because it does not know it
        if kind == _EXTENSION:
            walk.mixed |= _is_transparent(data[walk.at : walk.at + 3])
            walk.at += 1
            _skip_blocks(data, walk)
        elif kind == _IMAGE:
            _frame(data, walk)
    return walk


def _frame(data: bytes, walk: _Walk) -> None:
    left, top, width, height = (int.from_bytes(data[walk.at + i : walk.at + i + 2], "little") for i in (0, 2, 4, 6))
    walk.canvas = max(walk.canvas[0], left + width), max(walk.canvas[1], top + height)
    walk.area += width * height
    walk.frames += 1
    palette = _palette(data[walk.at + 8 : walk.at + 9])
    walk.mixed |= palette > 0
    walk.at += 10 + palette
    _skip_blocks(data, walk)


def _is_transparent(extension: bytes) -> bool:
    """Whether an extension that starts so says that the next frame has a transparent colour."""
    return extension.startswith(_CONTROL) and bool(extension[-1] & 1)


def _palette(flags: bytes) -> int:
    """Bytes of the palette that a screen's or a frame's flags announce."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _skip_blocks(data: bytes, walk: _Walk) -> None:
    while walk.at < len(data):
        length = data[walk.at]
        walk.at += 1 + length
        if not length:
            return
        _count(walk)


def _count(walk: _Walk) -> None:
    walk.blocks += 1
    if walk.blocks > MAX_BLOCKS:
        raise ItemError(Reason.TOO_MUCH_WORK, f"GIF: over {MAX_BLOCKS:,} blocks")
