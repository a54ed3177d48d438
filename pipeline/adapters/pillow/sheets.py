"""Pictures of several things at once, made of pictures of one each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from random import Random

from PIL import Image

SIDE = 224
"""Pixels, each way."""
_CELL = SIDE // 2
_CELLS = ((0, 0), (_CELL, 0), (0, _CELL), (_CELL, _CELL))
_SMALLEST = 80
_FEWEST = 2


def sheets(pictures: Sequence[bytes], count: int) -> Iterator[bytes]:
    """`count` PNGs of two, three and four of these in turn, small and apart on a plain ground; the same each time."""
    stills = [_still(each) for each in pictures]
    for number in range(count if stills else 0):
        lot = Random(number)
        sheet = Image.new("RGB", (SIDE, SIDE), tuple(lot.randrange(256) for _ in range(3)))
        for left, top in lot.sample(_CELLS, _FEWEST + number % (len(_CELLS) - 1)):
            side = lot.randrange(_SMALLEST, _CELL + 1)
            place = left + lot.randrange(_CELL + 1 - side), top + lot.randrange(_CELL + 1 - side)
            sheet.paste(lot.choice(stills).resize((side, side)), place)
        out = BytesIO()
        sheet.save(out, "PNG", compress_level=1)
        yield out.getvalue()


def _still(picture: bytes) -> Image.Image:
    """No larger than it is needed, so that all of them are little to hold."""
    with Image.open(BytesIO(picture)) as opened:
        return opened.convert("RGB").resize((_CELL, _CELL))
