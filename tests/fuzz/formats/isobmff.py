"""AVIF and HEIC: real pictures in boxes that lie about them, grids of one tile, and sequences of one sample."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from io import BytesIO
from random import Random

from PIL import Image

from tests import images
from tests.fuzz.chance import chance, log_uniform, noise, number, several, without
from tests.fuzz.formats import Makers
from tests.fuzz.formats.boxes import Box, Picture, box, file_of, first_picture, full, media_at, parsed, written
from tests.fuzz.formats.metadata import exif, profile

Encoded = Callable[[tuple[int, int], int], bytes]

_SHAPES = [(16, 16), (64, 48), (33, 17), (64, 64)]


@cache
def avif(shape: tuple[int, int], seed: int) -> bytes:
    return images.encoded(_content(shape, seed), "AVIF", speed=10, quality=20 + seed)


@cache
def heic(shape: tuple[int, int], seed: int) -> bytes:
    import pillow_heif

    out = BytesIO()
    pillow_heif.from_pillow(_content(shape, seed)).save(out, quality=20 + seed)
    return out.getvalue()


@cache
def sequence(shape: tuple[int, int], frames: int) -> bytes:
    stills = [images.soft(*shape, seed=index) for index in range(frames)]
    return images.animated(stills, "AVIF", speed=10, quality=30)


def _content(shape: tuple[int, int], seed: int) -> Image.Image:
    return images.soft(*shape, seed=seed) if seed else Image.new("RGB", shape, images.RED)


def ispe(shape: tuple[int, int]) -> bytes:
    return full(b"ispe", struct.pack(">II", *shape))


def told(picture: Picture, shape: tuple[int, int]) -> Picture:
    """The picture with another size in its ``ispe``."""
    return replace(picture, properties=(ispe(shape), *(each for each in picture.properties if each[4:8] != b"ispe")))


def grid(tiles: int, shape: tuple[int, int], across: int) -> Picture:
    """An item that says how many tiles across and down make a picture of that (width, height)."""
    down = -(-tiles // across)
    body = bytes([0, 1, (down - 1) & 255, (across - 1) & 255]) + struct.pack(">II", *shape)
    return Picture(b"grid", body, (ispe(shape),))


def _property(draw: Random) -> bytes:
    makers = [
        lambda: box(b"irot", bytes([number(draw, 8)])),
        lambda: box(b"imir", bytes([number(draw, 8)])),
        lambda: box(b"clap", b"".join(struct.pack(">I", number(draw, 32)) for _ in range(8))),
        lambda: box(b"pasp", struct.pack(">II", number(draw, 32), number(draw, 32))),
        lambda: box(b"colr", b"prof", profile(draw)),
        lambda: box(b"colr", b"nclx", bytes(number(draw, 8) for _ in range(7))),
        lambda: full(b"pixi", bytes([draw.randrange(6)]), bytes(number(draw, 8) for _ in range(3))),
        lambda: full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00"),
        lambda: full(b"lsel", struct.pack(">H", number(draw, 16))),
        lambda: full(b"a1op", bytes([number(draw, 8)])),
        lambda: ispe((number(draw, 32), number(draw, 32))),
        lambda: box(draw.randbytes(4), noise(draw, 40)),
    ]
    return draw.choice(makers)()


def _picture(draw: Random, make: Encoded) -> tuple[Picture, tuple[int, int]]:
    shape = draw.choice(_SHAPES)
    return first_picture(make(shape, draw.randrange(6) * 10)), shape


def still(make: Encoded, brand: bytes) -> Callable[[Random], bytes]:
    """A picture with hostile properties, an alpha, a thumbnail, EXIF, or places that lie."""

    def made(draw: Random) -> bytes:
        picture, shape = _picture(draw, make)
        if chance(draw, 0.2):
            picture = told(picture, (number(draw, 13), shape[1]))
        more = tuple(_property(draw) for _ in range(draw.choice([0, 1, 2])))
        items = [replace(picture, properties=picture.properties + more)]
        refers: list[tuple[bytes, int, list[int]]] = []
        for _ in range(draw.choice([0, 0, 1, 2])):
            kind = draw.choice([b"auxl", b"thmb", b"cdsc", b"dimg", b"prem"])
            extra = Picture(b"Exif", bytes(4) + exif(draw), ()) if kind == b"cdsc" else _picture(draw, make)[0]
            items.append(replace(extra, properties=extra.properties + more[:1]))
            refers.append((kind, len(items), [draw.choice([1, 1, len(items), number(draw, 16)])]))
        spots = None
        if chance(draw, 0.1):
            spots = [(number(draw, 10), number(draw, 20)) for _ in items]
        primary = 1 if chance(draw, 0.95) else number(draw, 16)
        return without(draw, file_of(brand, items, refers=refers, primary=primary, spots=spots))

    return made


def tiled(make: Encoded, brand: bytes) -> Callable[[Random], bytes]:
    """A grid of tiles, of which there are enough, too few, or one that is all of them; grids of grids."""

    def made(draw: Random) -> bytes:
        picture, shape = _picture(draw, make)
        count, across = draw.randint(1, 9), draw.randint(1, 3)
        size = shape[0] * across, shape[1] * -(-count // across)
        if chance(draw, 0.2):
            size = size[0], number(draw, 14)
        whole = grid(count, size, across if chance(draw, 0.9) else number(draw, 8) or 1)
        to = [2] * count if chance(draw, 0.5) else list(range(2, 2 + count))
        tiles = [picture] * max(1, len(set(to)) - chance(draw, 0.1))
        if chance(draw, 0.1):
            to = [1] * count  # itself
        return without(draw, file_of(brand, [whole, *tiles], refers=[(b"dimg", 1, to)]))

    return made


def rearranged(make: Encoded) -> Callable[[Random], bytes]:
    """A real file with boxes doubled, dropped, emptied, nested, or with other numbers in them."""

    def made(draw: Random) -> bytes:
        boxes = parsed(make(draw.choice(_SHAPES), draw.randrange(6) * 10))
        return without(draw, _shaken(draw, boxes), 0.1)

    return made


def played(draw: Random) -> bytes:
    """A real sequence, shaken the same way."""
    return without(draw, _shaken(draw, parsed(sequence((32, 24), draw.randint(2, 6)))), 0.1)


def _shaken(draw: Random, boxes: list[Box]) -> bytes:
    root = Box(b"root", b"", boxes)
    before = media_at(root.held)
    for _ in range(draw.randint(1, 4)):
        _shake(draw, [each for each in root.all() if each.held], list(root.all())[1:])
    _moved(root, media_at(root.held) - before)
    return written(root.held)


def _shake(draw: Random, holding: list[Box], every: list[Box]) -> None:
    kind = draw.randrange(7)
    if kind <= 2:
        one = draw.choice([each for each in every if each.name != b"mdat" and each.body] or every)
        body = bytearray(one.body or b"\0")
        at, width = draw.randrange(len(body)), draw.choice([1, 2, 4])
        body[at : at + width] = number(draw, 8 * width).to_bytes(width, "big")
        one.body = bytes(body)
        return
    parent = draw.choice(holding)
    at = draw.randrange(len(parent.held))
    if kind == 3 and len(parent.held) > 1:
        del parent.held[at]
    elif kind == 4:
        parent.held.insert(draw.randrange(len(parent.held) + 1), parent.held[at])
    elif kind == 5:
        for _ in range(log_uniform(draw, 1, 200)):
            parent.held[at] = Box(draw.choice([b"moov", b"iprp", b"trak", b"ipco"]), b"", [parent.held[at]])
    else:
        parent.held[at] = Box(parent.held[at].name, noise(draw, 60))


def _moved(root: Box, by: int) -> None:
    """Move the places in ``iloc`` and ``stco`` that encoders write, offsets of four bytes, by so much."""
    for each in root.all():
        if each.name == b"iloc" and each.body[4:6] == b"\x44\x00" and len(each.body) >= 22:
            each.body = each.body[:14] + _sum(each.body[14:18], by) + each.body[18:]
        elif each.name == b"stco" and len(each.body) >= 12:
            each.body = each.body[:8] + _sum(each.body[8:12], by) + each.body[12:]


def _sum(place: bytes, by: int) -> bytes:
    return struct.pack(">I", (int.from_bytes(place, "big") + by) & 0xFFFFFFFF)


def flat_bomb(make: Encoded) -> Callable[[Random], bytes]:
    """A large picture of one colour. Encoding it costs what decoding does not, so it has a few sizes only."""

    def made(draw: Random) -> bytes:
        return make(draw.choice([(256, 256), (700, 500), (1024, 1024), (1600, 1200)]), 0)

    return made


def grid_bomb(make: Encoded, brand: bytes) -> Callable[[Random], bytes]:
    """One tile again and again: a thousand times the pixels that are coded."""

    def made(draw: Random) -> bytes:
        edge = draw.choice([64, 256, 512])
        picture = first_picture(make((edge, edge), 0))
        across, down = draw.randint(1, 32), draw.randint(1, 32)
        size = across * edge, down * edge
        whole = grid(across * down, size, across)
        if chance(draw, 0.5):
            return file_of(brand, [whole, picture], refers=[(b"dimg", 1, [2] * (across * down))])
        count = across * down
        spots = [(0, len(whole.coded)), *[(len(whole.coded), len(picture.coded))] * count]
        items = [whole, picture, *[replace(picture, coded=b"")] * (count - 1)]
        return file_of(brand, items, refers=[(b"dimg", 1, range(2, 2 + count))], spots=spots)

    return made


def samples_bomb(draw: Random) -> bytes:
    """A sequence whose table of samples names the same key frame over and over."""
    shape = draw.choice([(32, 24), (160, 120), (640, 480)])
    root = Box(b"root", b"", parsed(sequence(shape, 2)))
    before, count = media_at(root.held), log_uniform(draw, 2, min(20_000, 4e7 / (shape[0] * shape[1])))
    by_name = {each.name: each for each in root.all()}
    first = int.from_bytes(by_name[b"stsz"].body[12:16], "big")
    start = int.from_bytes(by_name[b"stco"].body[8:12], "big")
    by_name[b"stsz"].body = struct.pack(">III", 0, first, count)
    by_name[b"stts"].body = struct.pack(">IIII", 0, 1, count, draw.choice([0, 1, 100]))
    by_name[b"stsc"].body = struct.pack(">IIIII", 0, 1, 1, 1, 1)
    by_name[b"stco"].body = struct.pack(">II", 0, count)
    by_name[b"stss"].body = struct.pack(f">II{count}I", 0, count, *range(1, count + 1))
    moved = start + media_at(root.held) + 4 * count - before
    by_name[b"stco"].body += struct.pack(">I", moved) * count
    return written(root.held)


def boxes_bomb(make: Encoded, brand: bytes) -> Callable[[Random], bytes]:
    """Boxes without number, or within each other, in front of the picture."""

    def made(draw: Random) -> bytes:
        picture, _ = _picture(draw, make)
        names = several(draw, [b"free", b"moov", b"meta", b"trak", b"uuid", b"skip"], 3) or [b"free"]
        count = log_uniform(draw, 10, 40_000)
        if chance(draw, 0.4):
            inner = b""
            for index in range(min(count, 2000)):
                inner = box(names[index % len(names)], inner)
            return file_of(brand, [picture], more=inner)
        return file_of(brand, [picture], more=b"".join(box(each) for each in names) * (count // len(names)))

    return made


def items_bomb(make: Encoded, brand: bytes) -> Callable[[Random], bytes]:
    """Items and references by the thousand, all of them to the same bytes."""

    def made(draw: Random) -> bytes:
        picture, _ = _picture(draw, make)
        count = log_uniform(draw, 2, 5000)
        items = [picture, *[replace(picture, coded=b"")] * count]
        spots = [(0, len(picture.coded))] * (count + 1)
        kind = draw.choice([b"thmb", b"auxl", b"dimg"])
        refers = [(kind, index, [1]) for index in range(2, count + 2)]
        return file_of(brand, items, refers=refers, spots=spots)

    return made


def _makers(make: Encoded, brand: bytes, more: tuple[Callable[[Random], bytes], ...] = ()) -> Makers:
    bombs = [flat_bomb(make), grid_bomb(make, brand), boxes_bomb(make, brand), items_bomb(make, brand)]
    return Makers([still(make, brand), tiled(make, brand), rearranged(make), *more], bombs)


AVIF = _makers(avif, b"avif", (played,))
AVIF = Makers(AVIF.grammar, [*AVIF.bombs, samples_bomb])
HEIC = _makers(heic, b"heic")
