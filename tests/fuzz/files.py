"""Every file of the fuzzer, by seed and index: the same two numbers always give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from random import Random

from tests.fuzz.corpus import sound
from tests.fuzz.formats import Makers, bmp, gif, isobmff, jpeg, png, webp
from tests.fuzz.mutations import mutated

MAKERS: dict[str, Makers] = {
    "JPEG": jpeg.MAKERS,
    "PNG": png.MAKERS,
    "WEBP": webp.MAKERS,
    "GIF": gif.MAKERS,
    "BMP": bmp.MAKERS,
    "AVIF": isobmff.AVIF,
    "HEIC": isobmff.HEIC,
}
SHARES = {"JPEG": 24, "PNG": 22, "WEBP": 18, "GIF": 14, "BMP": 10, "AVIF": 9, "HEIC": 3}
"""Files of each format in a hundred: by what strangers send, and by what each costs."""
KINDS = {"mutated": 47, "grammar": 48, "bomb": 3, "sound": 2}
"""Files of each kind in a hundred. A bomb costs a hundred times what the others do."""


@dataclass(frozen=True)
class File:
    """A file, and what it was made as."""

    index: int
    format: str
    kind: str
    maker: str
    data: bytes


def formats_here() -> list[str]:
    """The formats that this installation reads: HEIC needs an extra."""
    return [name for name in MAKERS if name != "HEIC" or find_spec("pillow_heif")]


def format_of(seed: int, index: int) -> str:
    """The format of a file, without making it."""
    return _drawn(seed, index)[1]


def file(seed: int, index: int) -> File:
    """The file of that number."""
    draw, name = _drawn(seed, index)
    kind = _of(draw, KINDS)
    if kind == "sound":
        number = draw.randrange(len(sound(name)))
        return File(index, name, kind, f"sound {number}", sound(name)[number])
    if kind == "mutated":
        return File(index, name, kind, "mutated", mutated(draw, name, sound(name)))
    makers = MAKERS[name].grammar if kind == "grammar" else MAKERS[name].bombs
    make = draw.choice(makers)
    return File(index, name, kind, make.__qualname__.partition(".")[0], make(draw))


def _drawn(seed: int, index: int) -> tuple[Random, str]:
    draw = Random(f"{seed}/{index}")
    return draw, _of(draw, SHARES)


def _of(draw: Random, shares: dict[str, int]) -> str:
    (name,) = draw.choices(list(shares), list(shares.values()))
    return name


def indices(seed: int, count: int, formats: Sequence[str]) -> list[int]:
    """The first so many numbers whose files are of these formats."""
    found: list[int] = []
    index = 0
    while len(found) < count:
        if format_of(seed, index) in formats:
            found.append(index)
        index += 1
    return found
