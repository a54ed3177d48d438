"""GIF: blocks in any order, frames that enlarge the canvas, and codes as they should be, and not."""

from __future__ import annotations

import struct
from random import Random

from tests import images
from tests.fuzz.chance import area, chance, log_uniform, noise, number, rows, size, without
from tests.fuzz.formats import Makers
from tests.fuzz.formats.metadata import profile, xmp


class _Codes:
    """Writes codes of growing width, least significant bit first."""

    def __init__(self) -> None:
        self._bits = self._held = 0
        self._out = bytearray()

    def put(self, code: int, width: int) -> None:
        self._bits |= code << self._held
        self._held += width
        while self._held >= 8:
            self._out.append(self._bits & 255)
            self._bits >>= 8
            self._held -= 8

    def bytes(self) -> bytes:
        return bytes(self._out + bytes([self._bits & 255] * bool(self._held)))


def run(pixels: int, bits: int = 2) -> bytes:
    """LZW codes for so many pixels of colour 0: each code stands for one more of them than the last."""
    clear = 1 << bits
    codes, width, following, left = _Codes(), bits + 1, clear + 2, pixels - 1
    codes.put(clear, width)
    codes.put(0, width)
    length = 1
    while left > 0:
        if following < 4096:
            code, length = following, length + 1
            if following >= 1 << width:
                width += 1
            following += 1
        else:
            code = 4095
        codes.put(code, min(width, 12))
        left -= length
    codes.put(clear + 1, min(width, 12))
    return codes.bytes()


def blocks(body: bytes, step: int = 255) -> bytes:
    """Bytes in sub-blocks of that length, with the empty one that ends them."""
    return (
        b"".join(bytes([len(body[at : at + step])]) + body[at : at + step] for at in range(0, len(body), step))
        + b"\0"
    )


def screen(shape: tuple[int, int], colours: bytes = b"\x00\x00\x00\xff\xff\xff", flags: int = 0x80) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", *shape, flags, 0, 0) + colours


def control(flags: int = 0x04, delay: int = 0, clear: int = 0) -> bytes:
    return b"\x21\xf9\x04" + struct.pack("<BHBB", flags, delay, clear, 0)


def picture(box: tuple[int, int, int, int], body: bytes, *, flags: int = 0, bits: int = 2, step: int = 255) -> bytes:
    return b"\x2c" + struct.pack("<HHHHB", *box, flags) + bytes([bits]) + blocks(body, step)


def _codes(draw: Random, pixels: int) -> tuple[bytes, int]:
    """LZW bytes and their first width: right, cut short, noise, or of a width that there is not."""
    kind = draw.randrange(5)
    if kind == 0:
        return noise(draw, 300), draw.choice([2, 8, 11, 12, number(draw, 8)])
    if kind == 1:
        return rows(draw, log_uniform(draw, 1, 300)), draw.choice([2, 3, 8])
    if kind == 2:
        codes = _Codes()
        for _ in range(min(pixels, 400)):
            codes.put(draw.choice([draw.randrange(4), draw.randrange(4), 4, 5, draw.randrange(8)]), 3)
        return codes.bytes(), 2
    return without(draw, run(pixels if kind == 3 else log_uniform(draw, 1, 2 * pixels)), 0.1), 2


def _extension(draw: Random) -> bytes:
    makers = [
        lambda: control(number(draw, 8), number(draw, 16), number(draw, 8)),
        lambda: b"\x21\xf9" + blocks(noise(draw, 12)),
        lambda: b"\x21\xff\x0bNETSCAPE2.0" + blocks(b"\x01" + struct.pack("<H", number(draw, 16))),
        lambda: b"\x21\xff\x0bICCRGBG1012" + blocks(profile(draw)[:3000]),
        lambda: b"\x21\xff\x0bXMP DataXMP" + xmp(draw)[:3000] + b"\x01" + bytes(range(255, -1, -1)) + b"\x00",
        lambda: b"\x21\xfe" + blocks(noise(draw, 600), draw.choice([1, 10, 255])),
        lambda: b"\x21\x01" + blocks(noise(draw, 20)),
        lambda: bytes([0x21, number(draw, 8)]) + blocks(noise(draw, 40)),
        lambda: noise(draw, 6),
    ]
    return draw.choice(makers)()


def made(draw: Random) -> bytes:
    """A screen and up to thirty frames among extensions."""
    shape, bits = size(draw), draw.randint(1, 8)
    flags = 0x80 | (bits - 1) if chance(draw, 0.8) else number(draw, 7)
    out = [screen(shape, draw.randbytes(3 << bits) if flags & 0x80 else b"", flags)]
    for _ in range(log_uniform(draw, 1, 30)):
        if chance(draw, 0.5):
            out.append(control(draw.randrange(32), draw.choice([0, 1, 10, number(draw, 16)]), number(draw, 8)))
        if chance(draw, 0.15):
            out.append(_extension(draw))
        out.append(_frame(draw, shape))
    end = b";" if chance(draw, 0.9) else noise(draw, 10)
    return without(draw, b"".join(out) + end, 0.03)


def _frame(draw: Random, shape: tuple[int, int]) -> bytes:
    wide, high = draw.randint(1, shape[0]), draw.randint(1, shape[1])
    x, y = draw.randint(0, shape[0] - wide), draw.randint(0, shape[1] - high)
    if chance(draw, 0.06):
        x, y = log_uniform(draw, 1, 600), log_uniform(draw, 1, 600)
    if chance(draw, 0.02):
        wide, high = draw.choice([0, 1, wide]), draw.choice([0, 3000, high])
    body, first = _codes(draw, wide * high)
    local = draw.randint(0, 7)
    flags, palette = (0x80 | local, draw.randbytes(6 << local)) if chance(draw, 0.2) else (0, b"")
    flags |= 0x40 * chance(draw, 0.2)
    head = b"\x2c" + struct.pack("<HHHHB", x, y, wide, high, flags) + palette
    return head + bytes([first & 255]) + blocks(body, draw.choice([255, 255, 60, 1]))


def specks_bomb(draw: Random) -> bytes:
    """Frames of one pixel on a large canvas: 20 bytes each, and all of the canvas to look at."""
    return images.hand_made_gif(log_uniform(draw, 1, 3000), area(draw, 64e6))


def ways_bomb(draw: Random) -> bytes:
    """The same with each way of throwing a frame away, and palettes of their own that turn it into full colour."""
    shape, frames = area(draw, 16e6), log_uniform(draw, 2, 300)
    out = [screen(shape)]
    for _ in range(frames):
        way = draw.choice([1, 2, 3])
        out.append(control(way << 2 | draw.randrange(2)))
        wide, high = draw.choice([(1, 1), (min(shape[0], 64), min(shape[1], 64))])
        flags, palette = (0x80, draw.randbytes(6)) if chance(draw, 0.5) else (0, b"")
        head = b"\x2c" + struct.pack("<HHHHB", draw.randrange(shape[0] - wide + 1), 0, wide, high, flags)
        out.append(head + palette + b"\x02" + blocks(run(wide * high)))
    return b"".join(out) + b";"


def runs_bomb(draw: Random) -> bytes:
    """Whole frames of one colour, whose codes are a thousandth of their pixels, interlaced or not."""
    shape = area(draw, 40e6)
    pixels = shape[0] * shape[1]
    frame = picture((0, 0, *shape), run(pixels), flags=0x40 * chance(draw, 0.3))
    return screen(shape) + (control(draw.randrange(32)) + frame) * log_uniform(draw, 1, max(1, 6e7 / pixels)) + b";"


def growing_bomb(draw: Random) -> bytes:
    """A canvas of a pixel that each frame enlarges."""
    step, frames = log_uniform(draw, 1, 300), log_uniform(draw, 2, 200)
    out = [screen((1, 1))]
    for index in range(frames):
        at = index * step
        out.append(control(draw.choice([4, 8, 12])) + picture((at, at, 1, 1), b"\x44\x01"))
    return b"".join(out) + b";"


def clears_bomb(draw: Random) -> bytes:
    """Codes that clear the table again and again and bring no pixel, in blocks of a byte or of many."""
    body = (b"\x24\x49\x92" if chance(draw, 0.5) else b"\x44\x44\x44") * log_uniform(draw, 100, 200_000)
    return screen((64, 64)) + picture((0, 0, 64, 64), body, step=draw.choice([1, 255])) + b";"


def blocks_bomb(draw: Random) -> bytes:
    """Comments, empty extensions and unknown bytes without number."""
    count = log_uniform(draw, 100, 300_000)
    what = draw.choice([b"\x21\xfe\x00", b"\x21\xf9\x00", b"\x00", b"\x21\xff\x00", b"\x21\xfe\x01a\x00"])
    body = b"\x21\xfe" + b"\x01." * count + b"\x00" if chance(draw, 0.3) else what * count
    return screen((64, 64)) + body + picture((0, 0, 64, 64), run(4096)) + b";"


MAKERS = Makers([made], [specks_bomb, ways_bomb, runs_bomb, growing_bomb, clears_bomb, blocks_bomb])
