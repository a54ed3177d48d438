"""Among other pictures: tiles, strips, panoramas. A strength is a number of pictures, or a length in widths."""

from __future__ import annotations

from PIL import Image

from pipeline.lab.evasion.patterns import colour
from pipeline.lab.evasion.saved import jpeg
from pipeline.lab.evasion.trick import Aside

_TILE = (200, 200)


def _laid_out(pictures: list[Image.Image], across: int, gap: int = 0) -> Image.Image:
    wide, high = _TILE
    down = -(-len(pictures) // across)
    whole = Image.new("RGB", (across * (wide + gap) - gap, down * (high + gap) - gap), "white")
    for number, each in enumerate(pictures):
        whole.paste(each, (number % across * (wide + gap), number // across * (high + gap)))
    return whole


def _shuffled(picture: Image.Image, aside: Aside, count: int) -> list[Image.Image]:
    every = [picture.resize(_TILE), *aside.decoys(count - 1, _TILE)]
    aside.draw.shuffle(every)
    return every


def collage(picture: Image.Image, aside: Aside, side: float) -> bytes:
    """A square of side x side pictures, with a gap or without."""
    across = round(side)
    return jpeg(_laid_out(_shuffled(picture, aside, across * across), across, aside.draw.choice([0, 8])))


def strip(picture: Image.Image, aside: Aside, count: float) -> bytes:
    """That many pictures in a row."""
    return jpeg(_laid_out(_shuffled(picture, aside, round(count)), round(count)))


def column(picture: Image.Image, aside: Aside, count: float) -> bytes:
    """That many pictures below each other, as in a screenshot of a long page."""
    return jpeg(_laid_out(_shuffled(picture, aside, round(count)), 1))


def panorama(picture: Image.Image, aside: Aside, length: float) -> bytes:
    """Somewhere on a plain strip that is that many times as wide as the picture."""
    tile = picture.resize(_TILE)
    whole = Image.new("RGB", (round(_TILE[0] * length), _TILE[1]), colour(aside.draw))
    whole.paste(tile, (aside.draw.randrange(whole.width - tile.width + 1), 0))
    return jpeg(whole)
