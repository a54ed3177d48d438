"""What any picture may carry beside its pixels: profiles, EXIF and XMP, each well made, broken, or far too large."""

from __future__ import annotations

import struct
from random import Random

from tests import hostile_images as hostile
from tests.fuzz.chance import chance, log_uniform, noise, number

_KINDS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 12: 8}
_TAGS = (0x0100, 0x0112, 0x011A, 0x0132, 0x8769, 0x8825, 0xA005, 0x9286, 0x927C, 0x0201, 0x0202, 0x014A)


def profile(draw: Random) -> bytes:
    """A colour profile: sound, with a hostile table of tags, cut short, noise, or megabytes of nothing."""
    kind = draw.randrange(6)
    if kind == 0:
        return noise(draw, 400)
    if kind == 1:
        return bytes(log_uniform(draw, 100, 60_000))
    space = draw.choice([b"RGB ", b"RGB ", b"GRAY"])
    made = bytearray(hostile.icc(draw.choice([0.2, 1.0, 1.8, 2.2, 9.0, 200.0]), space=space))
    if chance(draw, 0.1):
        made = bytearray(hostile.cmyk_icc([[draw.randrange(256) for _ in range(3)] for _ in range(16)]))
    for _ in range(draw.randint(0, 4) if kind > 2 else 0):
        at = draw.choice([0, 12, 16, 20, 36, 128, 132 + 4 * draw.randrange(24), 4 * draw.randrange(len(made) // 4)])
        made[at : at + 4] = struct.pack(">I", number(draw, 32))
    return bytes(made[: draw.randrange(len(made))] if kind == 5 else made)


def exif(draw: Random) -> bytes:
    """An EXIF block with its mark: directories that point to each other, to themselves, and out of the file."""
    if chance(draw, 0.1):
        return hostile.exif_bomb(log_uniform(draw, 1, 1500), log_uniform(draw, 1, 4000))
    order = draw.choice("<>")
    head = b"II*\x00" if order == "<" else b"MM\x00*"
    parts, at = [], 8
    for _ in range(draw.randint(1, 4)):
        entries = b"".join(_entry(draw, order, at) for _ in range(log_uniform(draw, 1, 30)))
        count = len(entries) // 12 if chance(draw, 0.9) else number(draw, 16)
        following = draw.choice([0, 0, 8, at, at + 6 + len(entries), number(draw, 32)])
        parts.append(struct.pack(order + "H", count & 0xFFFF) + entries + struct.pack(order + "I", following))
        at += len(parts[-1])
    return b"Exif\x00\x00" + head + struct.pack(order + "I", 8) + b"".join(parts) + noise(draw, 200)


def _entry(draw: Random, order: str, here: int) -> bytes:
    tag = draw.choice(_TAGS) if chance(draw, 0.8) else number(draw, 16)
    kind = draw.choice(list(_KINDS)) if chance(draw, 0.9) else number(draw, 16)
    count = draw.choice([1, 1, 2, 4, number(draw, 32)])
    value = draw.choice([draw.randrange(10), here, 8, number(draw, 32)])
    if kind == 3 and count == 1:
        return struct.pack(order + "HHIHH", tag, kind, count, value & 0xFFFF, 0)
    return struct.pack(order + "HHII", tag, kind, count, value)


def xmp(draw: Random) -> bytes:
    """An XMP packet: an orientation of its own, entities that multiply, deep nesting, or bytes of no encoding."""
    kind = draw.randrange(5)
    if kind == 0:
        return noise(draw, 300)
    if kind == 1:
        depth = log_uniform(draw, 10, 20_000)
        return b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"<a>" * depth + b"</a>" * depth + b"</x:xmpmeta>"
    if kind == 2:
        laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
        return f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><x>&l8;</x>'.encode()
    turn = draw.choice([b"3", b"6", b"99", b"-1", b"1e9", b"\xff\xfe"])
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"" + turn + b'"/></x:xmpmeta>'
    return packet + b" " * (log_uniform(draw, 1, 200_000) if kind == 4 else 0)
