"""PNG and APNG. The checksums are right, or the decoder would look no further."""

from __future__ import annotations

import struct
import zlib
from random import Random

from tests import hostile_images as hostile
from tests import images
from tests.fuzz.chance import area, chance, log_uniform, noise, number, rows, size, without, zeros
from tests.fuzz.formats import Makers
from tests.fuzz.formats.metadata import exif, profile, xmp

Chunk = tuple[bytes, bytes]

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)]
_KINDS += [(4, 8), (4, 16), (6, 8), (6, 16)]
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: where each pass starts, across and down, and its steps."""


def _sizes(wide: int, high: int, interlaced: int) -> list[tuple[int, int]]:
    if not interlaced:
        return [(wide, high)]
    return [
        (-(-(wide - x) // across), -(-(high - y) // down)) for x, y, across, down in _PASSES if x < wide and y < high
    ]


def raw_length(shape: tuple[int, int], depth: int, kind: int, interlaced: int) -> int:
    """Bytes of the filtered rows of a picture."""
    bits = depth * _CHANNELS.get(kind, 1)
    return sum(high * (1 + (wide * bits + 7) // 8) for wide, high in _sizes(*shape, interlaced) if wide and high)


def _header(shape: tuple[int, int], depth: int, kind: int, interlaced: int) -> Chunk:
    return b"IHDR", struct.pack(">IIBBBBB", *shape, depth, kind, 0, 0, interlaced)


def _filtered(draw: Random, shape: tuple[int, int], depth: int, kind: int, interlaced: int) -> bytes:
    """Rows of a picture, deflated; each row's first byte names one of five filters, or one that there is not."""
    raw = bytearray()
    for wide, high in _sizes(*shape, interlaced):
        length = (wide * depth * _CHANNELS.get(kind, 1) + 7) // 8
        for _ in range(high if wide else 0):
            raw += bytes([draw.randrange(5) if chance(draw, 0.999) else draw.randrange(256)]) + rows(draw, length)
    more = noise(draw, 300) if chance(draw, 0.05) else b""
    packed = bytearray(zlib.compress(bytes(without(draw, bytes(raw), 0.03)) + more, draw.choice([0, 1, 6])))
    if chance(draw, 0.1):
        packed[-4:] = draw.randbytes(4)  # its checksum
    if chance(draw, 0.05):
        packed[draw.randrange(len(packed))] = draw.randrange(256)
    return bytes(packed)


def _in_pieces(draw: Random, packed: bytes, name: bytes = b"IDAT") -> list[Chunk]:
    if chance(draw, 0.8):
        return [(name, packed)]
    step = log_uniform(draw, 1, max(1, len(packed)))
    return [(name, packed[at : at + step]) for at in range(0, len(packed), max(step, len(packed) // 400 + 1))]


def _beside(draw: Random) -> Chunk:
    """A chunk that no pixel needs, or that has a say in its colours."""
    makers = [
        lambda: (b"gAMA", struct.pack(">I", number(draw, 32))),
        lambda: (b"cHRM", b"".join(struct.pack(">I", number(draw, 17)) for _ in range(8))),
        lambda: (b"sRGB", bytes([draw.randrange(5)])),
        lambda: (b"cICP", bytes(number(draw, 8) for _ in range(4))),
        lambda: (b"iCCP", b"p\x00\x00" + zlib.compress(profile(draw))),
        lambda: (b"iCCP", b"p\x00\x00" + zeros(log_uniform(draw, 100, 4_000_000))),
        lambda: (b"zTXt", b"k\x00\x00" + zeros(log_uniform(draw, 100, 4_000_000))),
        lambda: (b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(xmp(draw))),
        lambda: (b"tEXt", noise(draw, 500)),
        lambda: (b"eXIf", exif(draw)[6:]),
        lambda: (b"tRNS", noise(draw, 300)),
        lambda: (b"PLTE", draw.randbytes(draw.choice([0, 1, 3, 6, 768, 769, 900]))),
        lambda: (b"bKGD", noise(draw, 6)),
        lambda: (b"sBIT", noise(draw, 4)),
        lambda: (b"hIST", noise(draw, 512)),
        lambda: (b"acTL", struct.pack(">II", number(draw, 32), number(draw, 32))),
        lambda: (bytes(draw.choice(b"abCDxYz") for _ in range(4)), noise(draw, 40)),
    ]
    name, body = draw.choice(makers)()
    return name, without(draw, body)


def still(draw: Random) -> bytes:
    """A picture of any kind with any chunks around it."""
    kind, depth = draw.choice(_KINDS)
    if chance(draw, 0.05):
        kind, depth = draw.randrange(8), number(draw, 5)
    interlaced = int(chance(draw, 0.25)) if chance(draw, 0.98) else 2
    shape = size(draw)
    packed = _filtered(draw, shape, depth, kind, interlaced)
    told = shape if chance(draw, 0.9) else (shape[0], number(draw, 12))
    chunks = [_header(told, depth, kind, interlaced)]
    if kind == 3 or chance(draw, 0.05):
        chunks.append((b"PLTE", draw.randbytes(3 * draw.choice([1, 2, 1 << min(depth, 8), 256]))))
    chunks += [_beside(draw) for _ in range(draw.choice([0, 0, 1, 2, 4]))]
    chunks += _in_pieces(draw, packed)
    chunks += [_beside(draw) for _ in range(draw.choice([0, 0, 0, 1]))]
    return _put_together(draw, chunks)


def _put_together(draw: Random, chunks: list[Chunk]) -> bytes:
    if chance(draw, 0.05):
        first, *others = chunks
        draw.shuffle(others)
        chunks = [first, *others]
    end: list[Chunk] = [(b"IEND", b"")] if chance(draw, 0.95) else []
    return without(draw, hostile.png_of([*chunks, *end]), 0.03)


def animation(draw: Random) -> bytes:
    """Frames at any place of the canvas, for any time, with numbers in or out of order, and a count that lies."""
    shape, (kind, depth) = size(draw), draw.choice([(6, 8), (2, 8), (3, 8), (0, 8), (4, 8), (0, 1), (6, 16)])
    frames = log_uniform(draw, 1, 24)
    chunks = [_header(shape, depth, kind, 0)]
    if kind == 3:
        chunks += [(b"PLTE", draw.randbytes(768)), (b"tRNS", draw.randbytes(draw.randint(1, 256)))]
    chunks.append((b"acTL", struct.pack(">II", frames if chance(draw, 0.8) else number(draw, 32), number(draw, 32))))
    sequence, hidden = 0, chance(draw, 0.2)
    for index in range(frames):
        wide, high = (draw.randint(1, shape[0]), draw.randint(1, shape[1])) if index or hidden else shape
        if index == 0 and hidden:
            chunks.append((b"IDAT", _filtered(draw, shape, depth, kind, 0)))
        chunks.append((b"fcTL", _control(draw, sequence, (wide, high), shape)))
        sequence += 1
        packed = _filtered(draw, (wide, high), depth, kind, 0)
        if index == 0 and not hidden:
            chunks += _in_pieces(draw, packed)
            continue
        for _, piece in _in_pieces(draw, packed):
            chunks.append((b"fdAT", struct.pack(">I", sequence if chance(draw, 0.98) else number(draw, 32)) + piece))
            sequence += 1
    return _put_together(draw, chunks)


def _control(draw: Random, sequence: int, frame: tuple[int, int], canvas: tuple[int, int]) -> bytes:
    if chance(draw, 0.03):
        frame = number(draw, 32), number(draw, 13)
    x, y = draw.randint(0, max(0, canvas[0] - frame[0])), draw.randint(0, max(0, canvas[1] - frame[1]))
    if chance(draw, 0.05):
        x, y = number(draw, 32), number(draw, 32)
    shown = draw.choice([(0, 0), (0, 100), (1, 10), (65535, 1), (number(draw, 16), number(draw, 16))])
    ways = (draw.randrange(3), draw.randrange(2)) if chance(draw, 0.97) else (number(draw, 8), number(draw, 8))
    return struct.pack(">IIIIIHHBB", sequence, *frame, x, y, *shown, *ways)


def zeros_bomb(draw: Random) -> bytes:
    """Megapixels of nothing, of any kind, interlaced or not, with a palette or a transparent colour."""
    kind, depth = draw.choice(_KINDS)
    shape, interlaced = area(draw, 80e6), int(chance(draw, 0.4))
    chunks = [_header(shape, depth, kind, interlaced)]
    if kind == 3:
        chunks.append((b"PLTE", draw.randbytes(3 << depth)))
    if kind in {0, 2, 3} and chance(draw, 0.3):
        chunks.append((b"tRNS", bytes({0: 2, 2: 6, 3: draw.randint(1, 1 << depth)}[kind])))
    if chance(draw, 0.2):
        chunks.append((b"eXIf", hostile.exif((0x0112, 3, 1, draw.randint(2, 8)))[6:]))
    if chance(draw, 0.2):
        chunks.append((b"gAMA", struct.pack(">I", draw.choice([1, 2000, 30_000, 100_000, 10_000_000]))))
    length = raw_length(shape, depth, kind, interlaced)
    if length > 200_000_000:
        length //= 50  # it is refused by its header; making all of it would cost what the fuzzer does not have
    return hostile.png_of([*chunks, (b"IDAT", zeros(length)), (b"IEND", b"")])


def noise_bomb(draw: Random) -> bytes:
    """Rows that do not compress, or whose filters cost most."""
    kind, depth = draw.choice([(2, 8), (6, 8), (0, 16), (6, 16)])
    wide, high = area(draw, 600_000)
    length = (wide * depth * _CHANNELS[kind] + 7) // 8
    raw = b"".join(bytes([draw.choice([3, 4])]) + draw.randbytes(length) for _ in range(high))
    packed = zlib.compress(raw, draw.choice([0, 1]))
    return hostile.png_of([_header((wide, high), depth, kind, 0), (b"IDAT", packed), (b"IEND", b"")])


def frames_bomb(draw: Random) -> bytes:
    """Whole frames thrown away one behind the other."""
    shape = area(draw, 8e6, 256)
    return hostile.apng(shape, log_uniform(draw, 2, min(4000, 4e7 / (shape[0] * shape[1]))))


def specks_bomb(draw: Random) -> bytes:
    """Frames of one pixel on a large canvas."""
    shape, frames = area(draw, 16e6), log_uniform(draw, 2, 500)
    packed = zlib.compress(bytes(5))
    chunks = [_header(shape, 8, 6, 0), (b"acTL", struct.pack(">II", frames, 0))]
    first = zeros(raw_length(shape, 8, 6, 0))
    chunks += [(b"fcTL", struct.pack(">IIIIIHHBB", 0, *shape, 0, 0, 0, 0, draw.randrange(3), 1)), (b"IDAT", first)]
    way = draw.randrange(3)
    for index in range(1, frames):
        control = struct.pack(">IIIIIHHBB", 2 * index - 1, 1, 1, draw.randrange(shape[0]), 0, 0, 0, way, index & 1)
        chunks += [(b"fcTL", control), (b"fdAT", struct.pack(">I", 2 * index) + packed)]
    return hostile.png_of([*chunks, (b"IEND", b"")])


def chunks_bomb(draw: Random) -> bytes:
    """A picture in pieces of a byte, or among chunks without number."""
    valid = images.encoded(images.flat(images.RED, (64, 64)))
    count = log_uniform(draw, 100, 150_000)
    if chance(draw, 0.5):
        name = draw.choice([b"tEXt", b"IDAT", b"fcTL", b"zzZz", b"eXIf"])
        return hostile.with_chunks(valid, images.png_chunk(name, b"") * count)
    packed = dict(hostile.png_chunks(valid))[b"IDAT"]
    pieces = [(b"IDAT", packed[at : at + 1]) for at in range(len(packed))]
    empty = [(b"IDAT", b"")] * (count // 10)
    return hostile.png_of([*hostile.png_chunks(valid)[:1], *empty, *pieces, (b"IEND", b"")])


MAKERS = Makers(
    [still, still, animation], [zeros_bomb, zeros_bomb, noise_bomb, frames_bomb, specks_bomb, chunks_bomb]
)
