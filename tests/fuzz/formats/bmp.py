"""BMP: every header that there was, every depth, masks, palettes, and runs."""

from __future__ import annotations

import struct
from random import Random

from tests import hostile_images as hostile
from tests.fuzz.chance import area, chance, log_uniform, noise, number, rows, size, without
from tests.fuzz.formats import Makers
from tests.fuzz.formats.metadata import profile

_HEADERS = (12, 40, 40, 52, 56, 64, 108, 124)
_DEPTHS = (1, 2, 4, 8, 16, 24, 32)


def bitmap(
    shape: tuple[int, int],
    bits: int,
    body: bytes,
    *,
    header: int = 40,
    kind: int = 0,
    more: bytes = b"",
    tail: bytes = b"",
) -> bytes:
    """A file of that header; `more` is what stands between it and the pixels, `tail` what fills a long header."""
    if header == 12:
        head = struct.pack("<IHHHH", 12, shape[0] & 0xFFFF, shape[1] & 0xFFFF, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, *shape, 1, bits, kind, len(body), 0, 0, 0, 0)
        head += (tail + bytes(header))[: header - 40]
    start = 14 + len(head) + len(more)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + more + body


def made(draw: Random) -> bytes:
    """A picture with a header of any age; one number of it is hostile now and then."""
    header, bits = draw.choice(_HEADERS), draw.choice(_DEPTHS)
    wide, high = size(draw)
    kind = 0 if chance(draw, 0.6) else draw.choice([1, 2, 3, 4, 5, 6, number(draw, 32)])
    kind = {1: 1, 2: 2}.get(kind, kind)
    bits = {1: 8, 2: 4}.get(kind, bits) if chance(draw, 0.95) else bits
    kind = 3 if bits in {16, 32} and chance(draw, 0.5) else kind
    masks = struct.pack("<IIII", *draw.choice([(0xF800, 0x7E0, 0x1F, 0), (0xFF0000, 0xFF00, 0xFF, 0xFF000000)]))
    masks = masks if chance(draw, 0.8) else draw.randbytes(16)
    more = masks[:12] if header == 40 and kind == 3 else b""
    if bits <= 8:
        more += draw.randbytes((3 if header == 12 else 4) * draw.choice([2, 1 << bits, 256]))
    body = runs(draw, wide, high) if kind in {1, 2} else rows(draw, (wide * bits + 31) // 32 * 4 * high)
    high = -high if chance(draw, 0.15) and header != 12 else high
    tail = masks if chance(draw, 0.8) else draw.randbytes(100)
    data = bytearray(bitmap((wide, high), bits, body, header=header, kind=kind & 0xFFFFFFFF, more=more, tail=tail))
    if header == 124 and chance(draw, 0.5):
        icc = profile(draw)
        data[70:74] = b"DEBM"
        data[126:134] = struct.pack("<II", len(data) - 14, len(icc))
        data += icc
    for _ in range(draw.choice([0, 0, 0, 1, 2])):
        at = draw.choice([2, 10, 14, 18, 22, 26, 28, 30, 34, 46, 50])
        data[at : at + 4] = struct.pack("<I", number(draw, 32))
    return without(draw, bytes(data))


def runs(draw: Random, wide: int, high: int) -> bytes:
    """Run-length codes: runs, stretches as they are, jumps, and ends, in and out of the picture."""
    out = bytearray()
    for _ in range(log_uniform(draw, 1, 4 * high)):
        kind = draw.randrange(6)
        if kind < 2:
            out += bytes([draw.randint(1, 255), draw.randrange(256)])
        elif kind == 2:
            length = draw.randint(3, min(255, 4 + 2 * wide))
            out += bytes([0, length]) + draw.randbytes(length + (length & 1))
        elif kind == 3:
            out += b"\x00\x00"
        elif kind == 4:
            out += bytes([0, 2, number(draw, 8), number(draw, 8)])
        else:
            out += bytes([min(255, wide), draw.randrange(256), 0, 0])
    return bytes(out) + (b"\x00\x01" if chance(draw, 0.8) else b"")


def runs_bomb(draw: Random) -> bytes:
    """A few bytes that leave a reader to fill the picture, jump over it, or fill it a pixel at a time."""
    shape, kind = area(draw, 12e6), draw.choice([1, 2])
    step = draw.choice([b"\x01\x01\x00\x00", b"\x00\x02\x00\xff", b"\x00\x02\xff\x01", b"\xff\x01", b"\x01\x01"])
    return hostile.rle_bmp(shape, step * log_uniform(draw, 1, 60_000) + b"\x00\x01", kind)


def pixels_bomb(draw: Random) -> bytes:
    """Large pictures of every depth, as they are."""
    bits = draw.choice(_DEPTHS)
    wide, high = area(draw, 4e7 / bits)
    more = draw.randbytes(4 << bits) if bits <= 8 else b""
    return bitmap((wide, draw.choice([1, -1]) * high), bits, bytes((wide * bits + 31) // 32 * 4 * high), more=more)


def nothing_bomb(draw: Random) -> bytes:
    """A header that promises megapixels and brings none."""
    bits = draw.choice(_DEPTHS)
    more = draw.randbytes(4 << bits) if bits <= 8 else b""
    return bitmap(area(draw, 70e6), bits, noise(draw, 100), more=more, kind=draw.choice([0, 0, 3]))


MAKERS = Makers([made], [runs_bomb, pixels_bomb, nothing_bomb])
