"""A small picture in a large one. A strength is the small one's share of the large one's side."""

from __future__ import annotations

from PIL import Image

from pipeline.lab.evasion.saved import jpeg
from pipeline.lab.evasion.trick import Aside, Make

_SIDE = 720


def _small(picture: Image.Image, share: float) -> Image.Image:
    side = round(_SIDE * share)
    scale = side / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _ground(aside: Aside, fill: str | None) -> Image.Image:
    size = (_SIDE, _SIDE)
    return aside.decoys(1, size)[0] if fill is None else Image.new("RGB", size, fill)


def corner(fill: str | None) -> Make:
    """In one of the four corners of plain ground or, without `fill`, of a harmless picture."""

    def make(picture: Image.Image, aside: Aside, share: float) -> bytes:
        small, ground = _small(picture, share), _ground(aside, fill)
        left, top = aside.draw.choice([0, _SIDE - small.width]), aside.draw.choice([0, _SIDE - small.height])
        ground.paste(small, (left, top))
        return jpeg(ground)

    return make


def edge(fill: str | None) -> Make:
    """At one of the four edges, anywhere along it."""

    def make(picture: Image.Image, aside: Aside, share: float) -> bytes:
        small, ground = _small(picture, share), _ground(aside, fill)
        across, down = _SIDE - small.width, _SIDE - small.height
        along = aside.draw.random()
        at = aside.draw.choice(
            [(0, along * down), (across, along * down), (along * across, 0), (along * across, down)]
        )
        ground.paste(small, (round(at[0]), round(at[1])))
        return jpeg(ground)

    return make


def anywhere(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """Anywhere in a harmless picture."""
    small, ground = _small(picture, share), _ground(aside, None)
    ground.paste(
        small, (aside.draw.randrange(_SIDE - small.width + 1), aside.draw.randrange(_SIDE - small.height + 1))
    )
    return jpeg(ground)
