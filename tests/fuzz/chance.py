"""Values as a hostile stranger draws them: mostly small and at edges, now and then enormous."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def chance(draw: Random, share: float) -> bool:
    return draw.random() < share


def number(draw: Random, bits: int) -> int:
    """An unsigned number of so many bits: an edge, a power of two and its neighbours, or of any magnitude."""
    most = (1 << bits) - 1
    kind = draw.randrange(4)
    if kind == 0:
        return draw.choice([0, 1, 2, 3, most, most - 1, most >> 1, (most >> 1) + 1])
    if kind == 1:
        return min(most, max(0, (1 << draw.randrange(bits + 1)) + draw.choice([-1, 0, 1])))
    if kind == 2:
        return draw.randrange(16)
    return log_uniform(draw, 1, most)


def log_uniform(draw: Random, low: float, high: float) -> int:
    """A whole number of any magnitude between the two, each as likely as the next."""
    return min(int(high), max(int(low), round(math.exp(draw.uniform(math.log(max(low, 1)), math.log(high + 1))))))


def side(draw: Random) -> int:
    """A side in pixels: nearly always a few, so that time goes into reading structures and not into pixels."""
    return log_uniform(draw, 1, 48) if chance(draw, 0.9) else log_uniform(draw, 48, 400)


def size(draw: Random) -> tuple[int, int]:
    return side(draw), side(draw)


def area(draw: Random, most: float, least: float = 4096) -> tuple[int, int]:
    """(width, height) of about that many pixels at most, of any magnitude and mostly of an ordinary shape."""
    pixels = log_uniform(draw, least, most)
    ratio = math.exp(draw.gauss(0, 0.5)) if chance(draw, 0.8) else math.exp(draw.uniform(-8, 8))
    width = max(1, min(65_000, round(math.sqrt(pixels * ratio))))
    return width, max(1, min(65_000, pixels // width))


def several(draw: Random, options: Sequence[T], most: int) -> list[T]:
    """Up to `most` of the options, with repeats, in any order."""
    return [draw.choice(options) for _ in range(draw.randint(0, most))]


def noise(draw: Random, most: int) -> bytes:
    return draw.randbytes(log_uniform(draw, 1, most)) if chance(draw, 0.9) else b""


def rows(draw: Random, length: int) -> bytes:
    """So many bytes: zeros, one value, noise, or a pattern."""
    kind = draw.randrange(4)
    if kind == 0:
        return bytes(length)
    if kind == 1:
        return bytes([draw.randrange(256)]) * length
    if kind == 2:
        return draw.randbytes(length)
    pattern = draw.randbytes(draw.randint(1, 9))
    return (pattern * (length // len(pattern) + 1))[:length]


def zeros(length: int) -> bytes:
    """So many zeros, deflated: a thousandth of them."""
    pack = zlib.compressobj(9)
    step = 1 << 20
    parts = [pack.compress(bytes(min(step, length - at))) for at in range(0, length, step)]
    return b"".join([*parts, pack.flush()])


def without(draw: Random, data: bytes, share: float = 0.05) -> bytes:
    """The data, cut short now and then."""
    return data[: draw.randrange(len(data) + 1)] if data and chance(draw, share) else data
