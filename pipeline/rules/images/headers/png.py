"""PNG and APNG: a walk over the chunks, and the file written anew with only those that its pixels need.

All others are for people or for colour management. Pillow reads every one of them, and refuses the picture for one
that is damaged or large, where viewers show it. The end mark is written anew, too. Source: PNG, third edition.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.exif import MARK, UPRIGHT, orientation
from pipeline.rules.images.headers.stored import MAX_PROFILE, SRGB, Colour, Stored, check_profile
from pipeline.rules.images.profiles import known
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying, looking

_SIGNATURE = 8
_END = b"\x00\x00\x00\x00IEND\xae\x42\x60\x82"
_ONCE = {b"IHDR", b"PLTE", b"tRNS", b"acTL"}
_FRAMES = {b"fcTL", b"fdAT"}
_ASIDE = {b"eXIf", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"cICP"}
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
_INTENTS = 4
_MAX_NAME = 79
"""Bytes of a profile's name, at most; it has one at least."""
_GREY, _COLOURS, _PALETTE = 0, 2, 3
_KEY_LENGTHS = {_GREY: 2, _COLOURS: 6}
"""Bytes of the transparent colour, at least, by colour type."""
_CONVERTED = {3, 4, 6}
"""Colour types with a palette or alpha, which are converted before they are scaled."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GREYS = {0, 4}
"""Colour types of greys, without and with alpha."""

MAX_CHUNKS = 100_000
"""Chunks of a file; one of 50 MB in pieces of a kilobyte has half as many."""
CHUNK = 1.1e-6
BYTE = 24e-9
"""Seconds to inflate a byte of a photograph. One of noise takes half of that."""
RAW = 1.6e-9
"""Seconds to inflate and unfilter a byte of the rows that come out."""
PIXEL = 3e-9
"""Seconds to unpack a pixel, and to scale it down."""
INTERLACED_PIXEL = 4e-9
"""Seconds more where it comes in seven passes."""
CANVAS = 12e-9
"""Seconds for a pixel of an animation's canvas, which is kept, pasted into and looked at for every frame."""
FRAME = 0.2e-3
"""Seconds that the smallest frame takes."""
CANVAS_COPIES = 5
"""Canvases that are in memory at a time: the canvas, the one before, what is thrown away, a frame and its mask."""


@dataclass
class _Chunks:
    kept: list[tuple[bytes, bytes | memoryview]] = field(default_factory=list)
    """Name and bytes of each chunk that is kept."""
    aside: dict[bytes, bytes] = field(default_factory=dict)
    areas: list[int] = field(default_factory=list)
    """Pixels of each frame of an animation."""
    count: int = 0
    """How many there are, of which not all are kept."""
    whole: bool = True
    """Whether everything was kept as it was."""
    ended: bool = False
    late_exif: bool = False
    """Whether EXIF stands behind pixels, where the specification allows it and Chromium does not read it."""
    default_is_frame: bool = False


def read_png(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large, too much work, or has no header."""
    if data[12:16] != b"IHDR" or len(data) < 33:  # noqa: PLR2004  signature, header and its checksum
        short = len(data) < 33  # noqa: PLR2004
        raise ItemError(Reason.TRUNCATED if short else Reason.DECODE_FAILED, f"PNG: no header ({len(data):,} bytes)")
    width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
    size = (width, height)
    check_size("PNG", size, max_pixels)
    chunks = _read(data)
    animated = bool(chunks.areas) and any(name == b"acTL" for name, _ in chunks.kept)
    frames = len(chunks.areas) + (not chunks.default_is_frame) if animated else 1
    kept = data
    if animated or not (chunks.whole and chunks.ended):
        kept = _written(data, chunks, animated=animated)
    exif = chunks.aside.get(b"eXIf", b"")
    turn = orientation(exif)
    either_way_up = turn != UPRIGHT and (chunks.late_exif or exif.startswith(MARK))
    bits = depth * _CHANNELS.get(kind, 4)
    translucent = kind in _CONVERTED or any(name == b"tRNS" for name, _ in chunks.kept)
    if animated:
        work = _animated_work(size, bits, len(kept), chunks.areas)
        work = work.and_more(looking(size, frames, translucent=translucent))
    else:
        work = _still_work(size, bits, len(kept), kind, translucent=translucent, turned=turn != UPRIGHT, fast=fast)
        work = work.and_more(width * height * INTERLACED_PIXEL if data[28] else 0)
    work = work.and_more(chunks.count * CHUNK)
    colour = _colour(chunks.aside, grey=kind in _GREYS)
    return Stored(kept, size, work, frames, turn, colour, composed=animated, either_way_up=either_way_up)


def _read(data: bytes) -> _Chunks:
    chunks, view = _Chunks(), memoryview(data)
    at, pictured = _SIGNATURE, False
    seen: set[bytes] = set()
    """Names of the chunks that were kept."""
    while at + 8 <= len(data) and not chunks.ended:
        chunks.count += 1
        if chunks.count > MAX_CHUNKS:
            raise ItemError(Reason.TOO_MUCH_WORK, f"PNG: over {MAX_CHUNKS:,} chunks")
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if name == b"IEND":
            chunks.ended = True
        elif name == b"IDAT" or (name in _ONCE and name not in seen) or name in _FRAMES:
            if name == b"tRNS" and not _is_key(data, at, end, seen, pictured=pictured):
                chunks.whole = False  # a viewer goes on without it
            else:
                chunks.kept.append((name, view[at:end] if end <= len(data) else _shortened(data, at, name)))
                chunks.whole &= end <= len(data) and name not in {b"acTL", *_FRAMES}
                seen.add(name)
            if name == b"fcTL":
                chunks.areas.append(_area(data, at))
                chunks.default_is_frame |= not pictured
            pictured |= name == b"IDAT"
        else:
            chunks.whole = False
            if name in _ASIDE and name not in chunks.aside and _is_sound(data, at, end):
                _put_aside(chunks, name, data[at + 8 : end - 4], seen, pictured=pictured)
        at = end
    return chunks


def _shortened(data: bytes, at: int, name: bytes) -> bytes:
    """A chunk that announces more bytes than there are, with its true length: it must not take those of the next."""
    body = data[at + 8 :]
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


def _is_sound(data: bytes, at: int, end: int) -> bool:
    """Whether a chunk is all there and its checksum is right."""
    return end <= len(data) and zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")


def _is_key(data: bytes, at: int, end: int, seen: set[bytes], *, pictured: bool) -> bool:
    """Whether readers take a tRNS chunk for what it says, by where it stands and how long it is."""
    depth, kind = data[24], data[25]
    if pictured or not _is_sound(data, at, end) or (kind == _PALETTE and b"PLTE" not in seen):
        return False
    if end - at - 12 < _KEY_LENGTHS.get(kind, 0):
        return False
    if kind == _COLOURS and depth > 8:  # noqa: PLR2004
        raise ItemError(Reason.DECODE_FAILED, "PNG: a transparent colour of 16 bits, of which a decoder keeps eight")
    return True


def _put_aside(chunks: _Chunks, name: bytes, body: bytes, seen: set[bytes], *, pictured: bool) -> None:
    """Keep what such a chunk says where browsers do: the first that is valid counts, and none behind the pixels."""
    if pictured and name != b"eXIf":
        return
    if name in _LENGTHS and not _is_valid(name, body):
        return
    if name == b"cICP" and b"PLTE" in seen:
        return
    chunks.aside[name] = body
    chunks.late_exif |= pictured


def _is_valid(name: bytes, body: bytes) -> bool:
    if len(body) != _LENGTHS[name]:
        return False
    if name == b"sRGB":
        return body[0] < _INTENTS
    if name == b"cICP":
        return known(body[0], body[1])
    return name != b"gAMA" or any(body)


def _area(data: bytes, at: int) -> int:
    width, height = int.from_bytes(data[at + 12 : at + 16], "big"), int.from_bytes(data[at + 16 : at + 20], "big")
    return width * height


def _written(data: bytes, chunks: _Chunks, *, animated: bool) -> bytes:
    """The file anew: an animation's count of frames is put right, and what is no animation loses its frames."""
    out: list[bytes | memoryview] = [data[:_SIGNATURE]]
    for name, chunk in chunks.kept:
        if name == b"acTL" and animated:
            body = b"acTL" + struct.pack(">II", len(chunks.areas), 0)
            out.append(struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body)))
        elif animated or name not in {b"acTL", *_FRAMES}:
            out.append(chunk)
    return b"".join([*out, _END])


def _colour(aside: dict[bytes, bytes], *, grey: bool) -> Colour:
    if b"cICP" in aside:
        return Colour(cicp=(aside[b"cICP"][0], aside[b"cICP"][1]))
    rest = SRGB if b"sRGB" in aside else _measured(aside)
    icc = _inflated(aside[b"iCCP"]) if b"iCCP" in aside else None
    if not icc:
        return rest
    return Colour(icc=icc, otherwise=None if rest == SRGB else rest, grey=grey)


def _measured(aside: dict[bytes, bytes]) -> Colour:
    gamma = int.from_bytes(aside.get(b"gAMA", b""), "big") / 100_000
    corners = aside.get(b"cHRM")
    chromaticities = tuple(each / 100_000 for each in struct.unpack(">8I", corners)) if corners else None
    return Colour(gamma=gamma or None, chromaticities=chromaticities)


def _inflated(chunk: bytes) -> bytes | None:
    """The colour profile in an iCCP chunk, or None where it cannot be had."""
    name, _, packed = chunk.partition(b"\x00")
    if packed[:1] != b"\x00" or not 0 < len(name) <= _MAX_NAME:
        return None
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], MAX_PROFILE + 1)
    except zlib.error:
        return None
    check_profile("PNG", len(profile))
    return profile if inflate.eof else None


def _still_work(
    size: tuple[int, int], bits: int, coded: int, kind: int, *, translucent: bool, turned: bool, fast: bool
) -> Work:
    pixels = size[0] * size[1]
    seconds = coded * BYTE + pixels * (bits / 8 * RAW + PIXEL)
    seconds += copying(size, converted=translucent, turned=turned, fast=fast)
    memory = pixels * (max(1, bits // 8) if kind in {0, 3} else PILLOW_PIXEL)
    deep = kind == 0 and bits > 8  # noqa: PLR2004
    memory += copies(size, converted=translucent or deep, turned=turned, fast=fast)
    return Work(seconds, memory, f"PNG of {size[0]:,} x {size[1]:,} pixels")


def _animated_work(size: tuple[int, int], bits: int, coded: int, areas: list[int]) -> Work:
    pixels = size[0] * size[1]
    seconds = coded * BYTE + (pixels + sum(areas)) * (bits / 8 * RAW + PIXEL) + len(areas) * (pixels * CANVAS + FRAME)
    name = f"PNG of {size[0]:,} x {size[1]:,} pixels in {len(areas):,} frames"
    return Work(seconds, pixels * PILLOW_PIXEL * CANVAS_COPIES, name)
