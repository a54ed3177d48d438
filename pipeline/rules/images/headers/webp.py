"""WebP: the RIFF chunks of a still or an animation. Sources: RFC 9649, sections 2 and 3.4; RFC 6386, section 9.1."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import UPRIGHT, orientation
from pipeline.rules.images.headers.stored import Colour, Stored, check_profile
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

_ASIDE = {b"EXIF": 0x08, b"ICCP": 0x20}
"""Chunks beside the picture, with the bits in the flags of ``VP8X`` without which readers pass them over."""
_ALPHA, _LOSSLESS_ALPHA = 0x10, 0x10
"""Bits in the flags of ``VP8X``, and in the byte of ``VP8L`` in which its height ends."""
_FRAME_HEAD, _LEAVES_NOTHING = 29, 1
"""Bytes of a frame up to where a lossless one says whether it has alpha; the flag by which it is cleared away."""
_KNOWN = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"XMP ", *_ASIDE}


@dataclass
class _Chunks:
    size: tuple[int, int] = (1, 1)
    """Of the canvas, or of what is larger than it."""
    aside: dict[bytes, bytes] = field(default_factory=dict)
    areas: list[int] = field(default_factory=list)
    """Pixels of each frame."""
    sheer: bool = False
    """Whether a frame covers less than the canvas, or is cleared away: browsers then show the page."""
    lossless: int = 0
    """Where a lossless still is, if there is one."""
    end: int = 12


def read_webp(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large or too much work."""
    found = _walk(data)
    size, aside, areas = found.size, found.aside, found.areas
    check_size("WEBP", size, max_pixels)
    pixels = size[0] * size[1]
    name = f"WEBP of {size[0]:,} x {size[1]:,} pixels"
    turn = orientation(aside[b"EXIF"]) if b"EXIF" in aside else UPRIGHT
    if areas:
        seconds = len(data) * BYTE + sum(areas) * PIXEL + len(areas) * (pixels * CANVAS + FRAME)
        seconds += looking(size, len(areas), translucent=found.sheer or _may_show_through(data))
        work = Work(seconds, pixels * (DECODER_PIXEL + PILLOW_PIXEL), f"{name} in {len(areas):,} frames")
    else:
        memory = pixels * DECODER_PIXEL + copies(size, converted=True, turned=turn != UPRIGHT, fast=fast)
        seconds = len(data) * BYTE + pixels * PIXEL
        seconds += copying(size, converted=_may_show_through(data), turned=turn != UPRIGHT, fast=fast)
        work = Work(seconds, memory, name)
    icc = aside.get(b"ICCP")
    check_profile("WEBP", len(icc or b""))
    colour = Colour(icc=icc or None)
    work = work.and_more(looking(size, 1, translucent=True) if turn != UPRIGHT else 0)  # it is looked at both ways up
    kept = _without_alpha(data, found) if found.lossless and not areas else _sized(data, found.end)
    if found.sheer and not _may_show_through(data):
        kept = _with_alpha(kept)
    # Chromium turns no WebP, and others do.
    return Stored(kept, size, work, max(len(areas), 1), turn, colour, either_way_up=turn != UPRIGHT)


def _sized(data: bytes, end: int) -> bytes:
    """The file with its true length in its header: libwebp takes one that announces more for cut short."""
    if end > len(data) or int.from_bytes(data[4:8], "little") + 8 == end:
        return data
    return data[:4] + (end - 8).to_bytes(4, "little") + data[8:end]


def _without_alpha(data: bytes, found: _Chunks) -> bytes:
    """A lossless still alone and opaque where an extended file says that it has no alpha: browsers drop it then."""
    at = found.lossless
    if data[12:16] != b"VP8X" or _may_show_through(data) or at + 13 > len(data):
        return _sized(data, found.end)
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    chunk = bytearray(data[at : at + 8 + length + (length & 1)])
    chunk[12] &= ~_LOSSLESS_ALPHA
    return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def _with_alpha(animation: bytes) -> bytes:
    """An animation whose header says that it has alpha: without, Pillow shows black where browsers show the page."""
    return animation[:20] + bytes([animation[20] | _ALPHA]) + animation[21:]


def _walk(data: bytes) -> _Chunks:
    """All chunks as far as the header's length goes, whatever their names, and behind it what looks like some."""
    found = _Chunks()
    promised = 8 + int.from_bytes(data[4:8], "little")
    flags = data[20] if data[12:16] == b"VP8X" and len(data) > 20 else 0  # noqa: PLR2004  RIFF's header and the chunk's
    at, count = 12, 0
    while at + 8 <= len(data):
        count += 1
        if count > MAX_CHUNKS:
            raise ItemError(Reason.TOO_MUCH_WORK, f"WEBP: over {MAX_CHUNKS:,} chunks")
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + (length & 1)
        if name not in _KNOWN and (end > len(data) or (at >= promised and not name.strip().isalnum())):
            break  # what follows the last chunk is no part of the picture
        across, down = _size(name, data[at + 8 : at + 24])
        found.size = max(found.size[0], across), max(found.size[1], down)
        if name == b"ANMF":
            found.areas.append(across * down)
            frame = data[at + 8 : at + 8 + _FRAME_HEAD]
            if flags & _ALPHA == 0 and _has_alpha(frame):  # Chromium adds its colours to the page's, others mix them
                raise ItemError(Reason.DECODE_FAILED, "WEBP: frames with an alpha that the header denies")
            found.sheer |= (across, down) != found.size or bool(frame[15:16] > b"" and frame[15] & _LEAVES_NOTHING)
        elif name == b"VP8L":
            found.lossless = found.lossless or at
        elif flags & _ASIDE.get(name, 0) and name not in found.aside:
            found.aside[name] = data[at + 8 : at + 8 + length]
        at = end
    found.end = at
    return found


def _has_alpha(frame: bytes) -> bool:
    """Whether what an animation's frame begins with says that it has alpha of its own."""
    if frame[16:20] == b"VP8L":
        return bool(frame[28:29] > b"" and frame[28] & _LOSSLESS_ALPHA)
    return frame[16:20] == b"ALPH"


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
