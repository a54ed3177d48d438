"""WebP: RIFF chunks around real pictures, whose sizes are written anew, and animations of them."""

from __future__ import annotations

import struct
from functools import cache
from random import Random

from PIL import Image

from tests import images
from tests.fuzz.chance import area, chance, log_uniform, noise, number, size, without
from tests.fuzz.formats import Makers
from tests.fuzz.formats.metadata import exif, profile, xmp


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _u24(value: int) -> bytes:
    return (value & 0xFFFFFF).to_bytes(3, "little")


def extended(shape: tuple[int, int], flags: int) -> bytes:
    """The canvas, and what the file says to have: 2 animation, 4 XMP, 8 EXIF, 16 alpha, 32 profile."""
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + _u24(shape[0] - 1) + _u24(shape[1] - 1))


@cache
def _lossless(colour: tuple[int, int, int, int]) -> bytes:
    return images.encoded(Image.new("RGBA", (8, 8), colour), "WEBP", lossless=True, method=0)


def one_colour(shape: tuple[int, int], colour: tuple[int, int, int, int] = (200, 30, 30, 255)) -> bytes:
    """The ``VP8L`` chunk of a picture of one colour, which takes no bits for any pixel, at any size."""
    made = _lossless(colour)
    at = made.find(b"VP8L")
    body = bytearray(made[at + 8 : at + 8 + int.from_bytes(made[at + 4 : at + 8], "little")])
    bits = int.from_bytes(body[1:5], "little") & ~0x0FFFFFFF
    body[1:5] = struct.pack("<I", bits | (shape[0] - 1 & 0x3FFF) | (shape[1] - 1 & 0x3FFF) << 14)
    return chunk(b"VP8L", bytes(body))


def picture_chunks(file: bytes) -> bytes:
    """``ALPH``, ``VP8`` and ``VP8L`` chunks of a still."""
    at, found = 12, b""
    while at + 8 <= len(file):
        stop = at + 8 + int.from_bytes(file[at + 4 : at + 8], "little")
        stop += stop & 1
        if file[at : at + 4] in {b"ALPH", b"VP8 ", b"VP8L"}:
            found += file[at:stop]
        at = stop
    return found


@cache
def _still(seed: int, shape: tuple[int, int], *, lossless: bool, alpha: bool) -> bytes:
    still = images.soft(*shape, seed=seed)
    if alpha:
        still.putalpha(images.soft(*shape, seed=seed + 1).convert("L"))
    return images.encoded(still, "WEBP", lossless=lossless, method=0, quality=seed)


def _real(draw: Random) -> tuple[bytes, tuple[int, int]]:
    shape = draw.choice([(1, 1), (7, 5), (16, 16), (33, 20), (48, 64)])
    lossless, alpha = chance(draw, 0.5), chance(draw, 0.4)
    return picture_chunks(_still(draw.randrange(5) * 20, shape, lossless=lossless, alpha=alpha)), shape


def _hostile(draw: Random, picture: bytes) -> bytes:
    """The picture with numbers in its first bytes, where sizes and tables stand, that are not its own."""
    body = bytearray(picture)
    for _ in range(draw.randint(1, 4)):
        at = 8 + log_uniform(draw, 1, max(1, len(body) - 9)) - 1
        body[at % len(body)] = number(draw, 8)
    return bytes(body)


def _beside(draw: Random) -> bytes:
    makers = [
        lambda: chunk(b"ICCP", profile(draw)),
        lambda: chunk(b"EXIF", exif(draw)[draw.choice([0, 6]) :]),
        lambda: chunk(b"XMP ", xmp(draw)),
        lambda: chunk(b"ALPH", bytes([number(draw, 8)]) + noise(draw, 60)),
        lambda: chunk(b"ANIM", struct.pack("<IH", number(draw, 32), number(draw, 16))),
        lambda: chunk(b"FRGM", noise(draw, 30)),
        lambda: chunk(draw.randbytes(4), noise(draw, 30)),
        lambda: riff(*[chunk(b"ICCP", b"")]),
        lambda: draw.randbytes(draw.randint(1, 12)),
    ]
    return draw.choice(makers)()


def still(draw: Random) -> bytes:
    """A picture, with or without an extended header that fits, among any chunks."""
    body, shape = _real(draw)
    if chance(draw, 0.4):
        body = _hostile(draw, body)
    chunks = [body]
    if chance(draw, 0.7):
        told = shape if chance(draw, 0.8) else (number(draw, 24) + 1, number(draw, 10) + 1)
        chunks.insert(0, extended(told, draw.choice([0, 16, 32 | 8 | 4, 63 & ~2, number(draw, 8)])))
    for _ in range(draw.choice([0, 1, 2])):
        chunks.insert(draw.randrange(len(chunks) + 1), _beside(draw))
    return _wrapped(draw, riff(*chunks))


def _wrapped(draw: Random, file: bytes) -> bytes:
    if chance(draw, 0.05):
        file = file[:4] + struct.pack("<I", number(draw, 32)) + file[8:]
    return without(draw, file, 0.04)


def frame(box: tuple[int, int, int, int], picture: bytes, *, duration: int = 0, flags: int = 0) -> bytes:
    """An ``ANMF`` chunk; `box` is x, y, width, height, of which x and y are halved in the file."""
    x, y, wide, high = box
    head = _u24(x // 2) + _u24(y // 2) + _u24(wide - 1) + _u24(high - 1) + _u24(duration) + bytes([flags])
    return chunk(b"ANMF", head + picture)


def animation(draw: Random) -> bytes:
    """Real and hostile pictures as frames, at places in and out of the canvas, for any time."""
    canvas = size(draw)
    out = [extended(canvas, 2 | draw.choice([0, 16])), chunk(b"ANIM", struct.pack("<IH", number(draw, 32), 0))]
    for _ in range(log_uniform(draw, 1, 20)):
        body, shape = _real(draw) if chance(draw, 0.5) else (one_colour(canvas), canvas)
        if chance(draw, 0.1):
            body = _hostile(draw, body)
        x, y = max(0, canvas[0] - shape[0]), max(0, canvas[1] - shape[1])
        box = (draw.randint(0, x), draw.randint(0, y), *shape)
        if chance(draw, 0.05):
            box = (number(draw, 24), number(draw, 24), number(draw, 10) + 1, number(draw, 10) + 1)
        out.append(frame(box, body, duration=draw.choice([0, 0, 40, number(draw, 24)]), flags=draw.randrange(4)))
        if chance(draw, 0.05):
            out.append(_beside(draw))
    return _wrapped(draw, riff(*out))


def colour_bomb(draw: Random) -> bytes:
    """Megapixels of one colour in 34 bytes."""
    colour = draw.choice([(9, 9, 9, 255), (9, 9, 9, 90)])
    wide, high = area(draw, 70e6)
    return riff(one_colour((min(wide, 16383), min(high, 16383)), colour))


def frames_bomb(draw: Random) -> bytes:
    """Such pictures as frames, translucent so that each is blended with the last, whole or of a few pixels."""
    wide, high = area(draw, 9e6, 256)
    canvas = min(wide, 16383), min(high, 16383)
    part = canvas if chance(draw, 0.5) else (min(canvas[0], 16), min(canvas[1], 16))
    count = log_uniform(draw, 2, min(3000, 3e7 / (canvas[0] * canvas[1]) + 3))
    pictures = [one_colour(part, (9, 9, 9, alpha)) for alpha in (90, 200)]
    flags = draw.choice([0, 1, 2, 3])
    frames = [frame((0, 0, *part), pictures[index & 1], flags=flags) for index in range(count)]
    return riff(extended(canvas, 2 | 16), chunk(b"ANIM", bytes(6)), *frames)


def noise_bomb(draw: Random) -> bytes:
    """What a byte costs at most: noise, lossy and lossless."""
    wide, high = area(draw, 120_000)
    still = Image.frombytes("RGB", (wide, high), draw.randbytes(3 * wide * high))
    return images.encoded(still, "WEBP", lossless=chance(draw, 0.5), method=0, quality=draw.choice([5, 100]))


def flat_bomb(draw: Random) -> bytes:
    """A large lossy picture of one colour."""
    wide, high = area(draw, 1.5e6)
    return images.encoded(Image.new("RGB", (min(wide, 16383), min(high, 16383)), 9), "WEBP", method=0, quality=50)


def chunks_bomb(draw: Random) -> bytes:
    """Chunks without number, or a megabyte of metadata."""
    body, shape = _real(draw)
    if chance(draw, 0.5):
        return riff(
            extended(shape, 0),
            chunk(draw.choice([b"XMP ", b"abcd", b"EXIF"]), b"") * log_uniform(draw, 9, 40_000),
            body,
        )
    return riff(extended(shape, 63 & ~2), chunk(b"ICCP", bytes(log_uniform(draw, 1000, 6_000_000))), body)


MAKERS = Makers(
    [still, animation], [colour_bomb, colour_bomb, frames_bomb, frames_bomb, noise_bomb, flat_bomb, chunks_bomb]
)
