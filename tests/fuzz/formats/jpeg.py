"""JPEG and MPO: segments of real files among segments of hostile ones, and coded bytes of any kind."""

from __future__ import annotations

import struct
from functools import cache
from random import Random

from PIL import Image, ImageFile

from tests import hostile_images as hostile
from tests import images
from tests.fuzz.chance import area, chance, log_uniform, noise, number, rows, size, without
from tests.fuzz.formats import Makers
from tests.fuzz.formats.metadata import exif, profile, xmp

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xCB, 0xCD, 0xCE, 0xCF)
_SAMPLINGS = (0x11, 0x11, 0x22, 0x21, 0x12, 0x41, 0x44, 0x13, 0x31, 0x42)


@cache
def _tables() -> tuple[bytes, ...]:
    """Huffman and quantisation tables that fit any picture of up to two tables each."""
    made = images.encoded(images.photograph(64, 64), "JPEG", quality=60)
    return tuple(each for each in hostile.jpeg_segments(made) if each[1] in {0xC4, 0xDB})


def _frame(shape: tuple[int, int], parts: list[tuple[int, int, int]], precision: int = 8) -> bytes:
    body = struct.pack(">BHHB", precision, shape[1], shape[0], len(parts))
    return body + b"".join(bytes(each) for each in parts)


def _scan(parts: list[tuple[int, int]], spectrum: tuple[int, int, int] = (0, 63, 0)) -> bytes:
    head = bytes([len(parts)]) + b"".join(bytes(each) for each in parts) + bytes(spectrum)
    return hostile.segment(0xDA, head)


def _coded(draw: Random, most: int = 600) -> bytes:
    """Coded bytes: noise or a run, with stuffing, restart marks in or out of order, or neither."""
    body = rows(draw, log_uniform(draw, 1, most))
    if chance(draw, 0.8):
        body = body.replace(b"\xff", b"\xff\x00")
    if chance(draw, 0.3):
        step = log_uniform(draw, 1, len(body))
        marks = range(0, len(body), max(step, len(body) // 50 + 1))
        order = draw.choice([lambda n: n & 7, lambda n: draw.randrange(8)])
        body = b"".join(body[at : at + marks.step] + bytes([0xFF, 0xD0 + order(n)]) for n, at in enumerate(marks))
    return body


def _beside(draw: Random) -> bytes:
    """A segment that is no part of the picture."""
    makers = [
        lambda: hostile.segment(0xE0, b"JFIF\x00\x01\x02" + bytes([draw.randrange(4)]) + noise(draw, 8)),
        lambda: hostile.segment(0xE1, exif(draw)[:65_000]),
        lambda: hostile.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + xmp(draw)[:65_000]),
        lambda: hostile.segment(0xE2, b"ICC_PROFILE\x00" + bytes([1, draw.choice([1, 1, 2, 255])]) + profile(draw)),
        lambda: hostile.segment(0xE2, b"MPF\x00" + exif(draw)[6:6000]),
        lambda: hostile.segment(0xED, b"Photoshop 3.0\x008BIM" + noise(draw, 100)),
        lambda: hostile.segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00" + bytes([draw.choice([0, 1, 2, 9])])),
        lambda: hostile.segment(0xFE, noise(draw, 300)),
        lambda: hostile.segment(0xDD, struct.pack(">H", number(draw, 16))),
        lambda: hostile.segment(0xDC, struct.pack(">H", number(draw, 16))),
        lambda: hostile.segment(0xC4, bytes([draw.randrange(32)]) + noise(draw, 200)),
        lambda: hostile.segment(0xDB, bytes([draw.randrange(32)]) + draw.randbytes(64)),
        lambda: hostile.segment(0xCC, noise(draw, 20)),
        lambda: bytes([0xFF, draw.randrange(1, 255)]) + noise(draw, 20),
        lambda: b"\xff" * draw.randint(1, 300),
        lambda: noise(draw, 30),
    ]
    return draw.choice(makers)()


def made(draw: Random) -> bytes:
    """Markers in a possible order: any frame, any components, up to a dozen scans of them."""
    count = draw.choice([1, 3, 3, 3, 4, draw.randint(1, 6)])
    names = [draw.choice([n + 1, n + 1, n + 1, number(draw, 8)]) for n in range(count)]
    parts = [(name, draw.choice(_SAMPLINGS) if not n else 0x11, draw.randrange(2)) for n, name in enumerate(names)]
    if chance(draw, 0.05):
        parts = [(name, number(draw, 8), number(draw, 3)) for name, _, _ in parts]
    kind = draw.choice(_FRAMES) if chance(draw, 0.95) else draw.choice(_OTHER_FRAMES)
    shape = size(draw) if chance(draw, 0.95) else (draw.choice([0, 8, 65535]), draw.choice([0, 1, 65535]))
    out = [
        *_tables(),
        hostile.segment(kind, _frame(shape, parts, 8 if chance(draw, 0.96) else draw.choice([2, 12, 16]))),
    ]
    for _ in range(draw.choice([0, 0, 1, 2])):
        out.insert(draw.randrange(len(out) + 1), _beside(draw))
    for _ in range(draw.choice([1, 1, 2, log_uniform(draw, 1, 12)])):
        out += [_some_scan(draw, names, kind), _coded(draw)]
        if chance(draw, 0.1):
            out.append(_beside(draw))
    end = _EOI if chance(draw, 0.85) else b""
    return without(draw, _SOI + b"".join(out) + end, 0.03)


def _some_scan(draw: Random, names: list[int], kind: int) -> bytes:
    chosen = names[:4] if chance(draw, 0.6) else [draw.choice(names)]
    tables = [(name, draw.choice([0x00, 0x11, 0x01]) if chance(draw, 0.95) else number(draw, 8)) for name in chosen]
    spectrum = (0, 63, 0)
    if kind in {0xC2, 0xCA}:
        ways = [(0, 0, 0x01), (0, 0, 0x00), (0, 0, 0x10), (1, 63, 0x02), (1, 63, 0x21), (1, 63, 0x10), (1, 5, 0)]
        spectrum = draw.choice(ways)
        tables = tables if spectrum[0] == 0 else tables[:1]
    if chance(draw, 0.05):
        spectrum = (number(draw, 8), number(draw, 8), number(draw, 8))
    return _scan(tables, spectrum)


def rearranged(draw: Random) -> bytes:
    """A real file whose segments are doubled, dropped, moved, resized, or given to another file's picture."""
    kinds = [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": draw.randint(1, 9)}]
    mode = draw.choice(["RGB", "RGB", "L", "CMYK"])
    still = images.soft(*size(draw), seed=draw.randrange(50)).convert(mode)
    parts = hostile.jpeg_segments(images.encoded(still, "JPEG", quality=draw.randint(5, 98), **draw.choice(kinds)))
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(parts))
        kind = draw.randrange(5)
        if kind == 0:
            parts.insert(draw.randrange(len(parts) + 1), parts[at])
        elif kind == 1 and len(parts) > 1:
            del parts[at]
        elif kind == 2:
            parts.insert(draw.randrange(len(parts) + 1), parts.pop(at))
        elif kind == 3:
            parts.insert(draw.randrange(len(parts) + 1), _beside(draw))
        else:
            parts = [_resized(draw, part) if part[1:2] and part[1] in _FRAMES else part for part in parts]
    return _SOI + b"".join(parts) + (_EOI if chance(draw, 0.9) else b"")


def _resized(draw: Random, frame: bytes) -> bytes:
    at = draw.choice([4, 5, 7, 9, 10, 11])
    return frame[:at] + struct.pack(">H", number(draw, 12))[: len(frame) - at] + frame[at + 2 :]


def several_pictures(draw: Random) -> bytes:
    """An MPO: pictures one behind the other, and an index that lies about them."""
    stills = [images.soft(*size(draw), seed=draw.randrange(50)) for _ in range(draw.randint(2, 4))]
    made = bytearray(images.encoded(stills[0], "MPO", save_all=True, append_images=stills[1:]))
    at = made.find(b"MPF\x00")
    for _ in range(draw.randint(0, 4) if at > 0 else 0):
        place = at + 4 + 2 * draw.randrange(60)
        made[place : place + 4] = struct.pack(">I", number(draw, 32))
    return without(draw, bytes(made))


def scans_bomb(draw: Random) -> bytes:
    """One scan of a progressive picture over and over; each passes over all of it."""
    side = log_uniform(draw, 16, 3000)
    return hostile.many_scans(side, log_uniform(draw, 2, min(20_000, 4e9 / side**2)), draw.choice(["L", "L", "RGB"]))


def nothing_bomb(draw: Random) -> bytes:
    """A huge picture of which nothing is coded: the decoder makes up what is missing, at its own pace."""
    kind, count = draw.choice(_FRAMES), draw.choice([1, 3, 4])
    parts = [(n + 1, draw.choice(_SAMPLINGS) if not n else 0x11, 0) for n in range(count)]
    spectrum = draw.choice([(0, 0, 0), (0, 0, 1)]) if kind in {0xC2, 0xCA} else (0, 63, 0)
    scan = _scan([(n + 1, 0) for n in range(count)], spectrum) + _coded(draw, 2000)
    more = b"".join(
        _scan([(draw.randint(1, count), 0)], draw.choice([(1, 63, 0), (1, 63, 2), (1, 63, 0x21), (0, 0, 0x10)]))
        + _coded(draw, 50)
        for _ in range(log_uniform(draw, 1, 12) if kind in {0xC2, 0xCA} else 0)
    )
    restarts = hostile.segment(0xDD, struct.pack(">H", number(draw, 16))) if chance(draw, 0.3) else b""
    head = b"".join([*_tables(), restarts, hostile.segment(kind, _frame(area(draw, 70e6), parts))])
    return _SOI + head + scan + more + (_EOI if chance(draw, 0.8) else b"")


def coded_bomb(draw: Random) -> bytes:
    """Real noise in real code: what a byte of a scan costs at most."""
    wide, high = area(draw, 500_000)
    still = Image.frombytes("RGB", (wide, high), draw.randbytes(3 * wide * high))
    ways = {"quality": draw.choice([30, 90, 100]), "progressive": chance(draw, 0.4)}
    before, ImageFile.MAXBLOCK = ImageFile.MAXBLOCK, 8_000_000  # Pillow's encoder wants room for all of it
    try:
        return images.encoded(still, "JPEG", subsampling=draw.choice([0, 2]), **ways)
    finally:
        ImageFile.MAXBLOCK = before


def flat_bomb(draw: Random) -> bytes:
    """A large picture of one colour in all modes, as an encoder writes it."""
    mode = draw.choice(["RGB", "L", "CMYK"])
    return images.encoded(Image.new(mode, area(draw, 12e6), 128), "JPEG", progressive=chance(draw, 0.4), quality=50)


def segments_bomb(draw: Random) -> bytes:
    """Segments without number in front of the picture, junk between them, or a profile in many parts."""
    valid = images.encoded(images.soft(40, 40), "JPEG")
    kind, count = draw.randrange(4), log_uniform(draw, 10, 200_000)
    if kind == 0:
        return hostile.with_segments(valid, hostile.segment(draw.choice([0xFE, 0xE0, 0xE1, 0xE2, 0xEE]), b"") * count)
    if kind == 1:
        return valid[:2] + b"\xff" * count + valid[2:]
    if kind == 2:
        return valid[:2] + b"\x00" * count + valid[2:]
    parts = min(count, 255)
    whole = [b"ICC_PROFILE\x00" + bytes([n + 1, parts]) + bytes(draw.choice([100, 60_000])) for n in range(parts)]
    return hostile.with_segments(valid, *(hostile.segment(0xE2, each) for each in whole))


MAKERS = Makers(
    [made, made, rearranged, several_pictures],
    [scans_bomb, nothing_bomb, nothing_bomb, coded_bomb, flat_bomb, segments_bomb],
)
