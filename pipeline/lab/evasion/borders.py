"""Borders all round and bars on two sides. A strength is the share of the new picture's side that the old one has."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

from pipeline.lab.evasion.patterns import colour
from pipeline.lab.evasion.saved import jpeg
from pipeline.lab.evasion.trick import Aside, Make
from pipeline.lab.scenes.surrounds import Surround

Size = tuple[int, int]


def _larger(picture: Image.Image, share: float) -> Size:
    return round(picture.width / share), round(picture.height / share)


def in_the_middle(picture: Image.Image, ground: Image.Image) -> Image.Image:
    """The `ground` with the picture in its middle."""
    ground.paste(picture, ((ground.width - picture.width) // 2, (ground.height - picture.height) // 2))
    return ground


def plain(fill: str) -> Make:
    """A border of one colour."""

    def make(picture: Image.Image, _aside: Aside, share: float) -> bytes:
        return jpeg(in_the_middle(picture, Image.new("RGB", _larger(picture, share), fill)))

    return make


def coloured(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """A border of some colour."""
    return jpeg(in_the_middle(picture, Image.new("RGB", _larger(picture, share), colour(aside.draw))))


def blurred(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """A border of the picture itself, large and blurred."""
    ground = picture.resize(_larger(picture, share)).filter(ImageFilter.GaussianBlur(min(picture.size) / 10))
    return jpeg(in_the_middle(picture, ground))


def patterned(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """A border of coloured shapes, which no rule on plain borders takes away."""
    return jpeg(in_the_middle(picture, aside.decoys(len(aside.others) + 1, _larger(picture, share))[-1]))


def striped(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """A border of nested frames in loud colours, as of a cartoon."""
    size = _larger(picture, share)
    ground, pen_colours = Image.new("RGB", size), [colour(aside.draw) for _ in range(3)]
    pen, step = ImageDraw.Draw(ground), max(2, min(size) // 40)
    for number, inset in enumerate(range(0, min(size) // 2, step)):
        pen.rectangle((inset, inset, size[0] - inset, size[1] - inset), fill=pen_colours[number % 3])
    return jpeg(in_the_middle(picture, ground))


def bars_above(fill: str) -> Make:
    """Bars above and below."""

    def make(picture: Image.Image, _aside: Aside, share: float) -> bytes:
        size = picture.width, round(picture.height / share)
        return jpeg(in_the_middle(picture, Image.new("RGB", size, fill)))

    return make


def bars_beside(fill: str) -> Make:
    """Bars on the left and on the right."""

    def make(picture: Image.Image, _aside: Aside, share: float) -> bytes:
        size = round(picture.width / share), picture.height
        return jpeg(in_the_middle(picture, Image.new("RGB", size, fill)))

    return make


def surrounded(by: Surround) -> Make:
    """What the lab's own scenes are surrounded by; these have one strength."""

    def make(picture: Image.Image, aside: Aside, _strength: float) -> bytes:
        return jpeg(by(picture, aside.decoys(3, picture.size), aside.draw))

    return make
