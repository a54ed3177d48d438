"""Sound files as a bad disk, a bad network, or a stranger with an editor leaves them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz.chance import chance, log_uniform, number

_Change = Callable[[Random, bytearray], None]


def mutated(draw: Random, name: str, sound: Sequence[bytes]) -> bytes:
    """One of those files after a few changes; half the time its checksums and lengths are made right again."""
    data = bytearray(draw.choice(sound))
    for _ in range(log_uniform(draw, 1, 24)):
        if len(data) > 16:
            draw.choice(_CHANGES)(draw, data)
    if chance(draw, 0.1):
        data += draw.choice(sound)
    if chance(draw, 0.15):
        del data[_place(draw, data) :]
    return mended(name, bytes(data)) if chance(draw, 0.6) else bytes(data)


def mended(name: str, data: bytes) -> bytes:
    """The file with checksums (PNG) and its own length (WebP, BMP) as a reader wants them."""
    if name == "PNG":
        return _checked(data)
    if name == "WEBP" and len(data) > 8:
        return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    if name == "BMP" and len(data) > 6:
        return data[:2] + struct.pack("<I", len(data)) + data[6:]
    return data


def _checked(data: bytes) -> bytes:
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        stop = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if stop + 4 > len(data):
            break
        out += data[at:stop] + struct.pack(">I", zlib.crc32(data[at + 4 : stop]))
        at = stop + 4
    return bytes(out + data[at:])


def _place(draw: Random, data: bytearray) -> int:
    """A place in the file: half the time where headers are."""
    most = len(data) - 1
    return draw.randint(0, min(most, 120)) if chance(draw, 0.5) else draw.randint(0, most)


def _flip(draw: Random, data: bytearray) -> None:
    data[_place(draw, data)] ^= 1 << draw.randrange(8)


def _overwrite(draw: Random, data: bytearray) -> None:
    at, length = _place(draw, data), log_uniform(draw, 1, 30)
    data[at : at + length] = draw.randbytes(min(length, len(data) - at))


def _number(draw: Random, data: bytearray) -> None:
    at, width = _place(draw, data), draw.choice([1, 2, 2, 3, 4, 4])
    data[at : at + width] = number(draw, 8 * width).to_bytes(width, draw.choice(["big", "little"]))


def _cut(draw: Random, data: bytearray) -> None:
    at = _place(draw, data)
    del data[at : at + log_uniform(draw, 1, 40)]


def _double(draw: Random, data: bytearray) -> None:
    at, length = _place(draw, data), log_uniform(draw, 1, 200)
    data[at:at] = data[at : at + length] * log_uniform(draw, 1, 8)


def _swap(draw: Random, data: bytearray) -> None:
    one, other, length = _place(draw, data), _place(draw, data), log_uniform(draw, 1, 60)
    if abs(one - other) >= length and max(one, other) + length <= len(data):
        data[one : one + length], data[other : other + length] = (
            data[other : other + length],
            data[one : one + length],
        )


_CHANGES: list[_Change] = [_flip, _flip, _overwrite, _number, _number, _cut, _double, _swap]
