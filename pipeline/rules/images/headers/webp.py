"""WebP: the RIFF chunks of a still or an animation. Sources: RFC 9649, sections 2 and 3.4; RFC 6386, section 9.1."""

from __future__ import annotations

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import orientation
from pipeline.rules.images.headers.stored import MAX_PROFILE, Colour, Stored
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying, looking

MAX_CHUNKS = 20_000
BYTE = 40e-9
PIXEL = 18e-9
"""Seconds for a pixel of a still, or of a frame of an animation."""
CANVAS = 14e-9
"""Seconds for a pixel of an animation's canvas, which is copied for every frame."""
FRAME = 0.2e-3
DECODER_PIXEL = 15
"""Bytes a pixel: libwebp keeps the canvas, the one before and the frame, and hands out a copy for Pillow to copy."""

_ASIDE = {b"EXIF", b"ICCP"}
_ALPHA, _LOSSLESS_ALPHA = 0x10, 0x10
"""Bits in the flags of ``VP8X``, and in the byte of ``VP8L`` in which its height ends."""


def read_webp(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large or too much work."""
    size, aside, areas, end = _walk(data)
    check_size("WEBP", size, max_pixels)
    pixels = size[0] * size[1]
    name = f"WEBP of {size[0]:,} x {size[1]:,} pixels"
    turn = orientation(aside[b"EXIF"]) if b"EXIF" in aside else 1
    if areas:
        seconds = len(data) * BYTE + sum(areas) * PIXEL + len(areas) * (pixels * CANVAS + FRAME)
        seconds += looking(size, len(areas), translucent=_may_show_through(data))
        work = Work(seconds, pixels * (DECODER_PIXEL + PILLOW_PIXEL), f"{name} in {len(areas):,} frames")
    else:
        memory = pixels * DECODER_PIXEL + copies(size, converted=True, turned=turn != 1, fast=fast)
        seconds = len(data) * BYTE + pixels * PIXEL
        seconds += copying(size, converted=_may_show_through(data), turned=turn != 1, fast=fast)
        work = Work(seconds, memory, name)
    icc = aside.get(b"ICCP", b"")[: MAX_PROFILE + 1]
    colour = Colour(icc=icc if 0 < len(icc) <= MAX_PROFILE else None)
    return Stored(_sized(data, end), size, work, max(len(areas), 1), turn, colour)


def _sized(data: bytes, end: int) -> bytes:
    """The file with its true length in its header: libwebp takes one that announces more for cut short."""
    if end > len(data) or int.from_bytes(data[4:8], "little") + 8 == end:
        return data
    return data[:4] + (end - 8).to_bytes(4, "little") + data[8:end]


def _walk(data: bytes) -> tuple[tuple[int, int], dict[bytes, bytes], list[int], int]:
    """The canvas, the chunks beside the picture, pixels of each frame, and where the last chunk ends."""
    width = height = 1
    aside: dict[bytes, bytes] = {}
    areas: list[int] = []
    at, count = 12, 0
    while at + 8 <= len(data):
        count += 1
        if count > MAX_CHUNKS:
            raise ItemError(Reason.TOO_MUCH_WORK, f"WEBP: over {MAX_CHUNKS:,} chunks")
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if not name.strip(b"\x00") or (count > 1 and not name.isalnum() and not name.strip().isalnum()):
            break  # what follows the last chunk is no part of the picture
        across, down = _size(name, data[at + 8 : at + 24])
        width, height = max(width, across), max(height, down)
        if name == b"ANMF":
            areas.append(across * down)
        elif name in _ASIDE and name not in aside:
            aside[name] = data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)
    return (width, height), aside, areas, at


def _may_show_through(data: bytes) -> bool:
    """Whether the first chunk says that there is alpha."""
    if data[12:16] == b"VP8X":
        return bool(data[20:21] > b"" and data[20] & _ALPHA)
    return data[12:16] == b"VP8L" and bool(data[24:25] > b"" and data[24] & _LOSSLESS_ALPHA)


def _size(name: bytes, body: bytes) -> tuple[int, int]:
    """Width and height that a chunk gives: of the canvas, of a frame, or of a picture."""
    if name == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if name == b"ANMF":
        return 1 + int.from_bytes(body[6:9], "little"), 1 + int.from_bytes(body[9:12], "little")
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if name == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 0, 0
