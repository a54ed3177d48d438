"""Drawn over the picture: text, stickers, lines, masks. A viewer looks past them."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.lab.evasion.patterns import colour
from pipeline.lab.evasion.saved import jpeg
from pipeline.lab.evasion.trick import Aside

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_PANGRAMS = (
    "the quick brown fox jumps over the lazy dog",
    "pack my box with five dozen jugs of syrup",
    "how vexingly quick daft zebras jump",
    "sphinx of black quartz, judge my vow",
)
_CAPTIONS = ("WHEN YOU SEE IT", "NOBODY:", "ME ON A MONDAY", "JUST A NORMAL DAY")


@cache
def _font(size: int) -> Font:
    """Pillow's own, which every installation has."""
    return ImageFont.load_default(max(1, size))


def text_lines(picture: Image.Image, aside: Aside, lines: float) -> bytes:
    """That many lines of text across the picture, in loud colours."""
    picture, step = picture.copy(), picture.height / round(lines)
    pen, font = ImageDraw.Draw(picture), _font(max(8, round(min(step * 0.7, picture.height / 12))))
    for number in range(round(lines)):
        text = "  ".join(aside.draw.sample(_PANGRAMS, 3))
        at = -aside.draw.randrange(picture.width), number * step
        pen.text(at, text, fill=colour(aside.draw), font=font)
    return jpeg(picture)


def caption(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """Two lines in white with a black rim, above and below, as of a meme; `share` of the height each."""
    picture = picture.copy()
    high = round(picture.height * share)
    pen = ImageDraw.Draw(picture)
    for anchor, y in (("ma", 2), ("md", picture.height - 2)):
        text = aside.draw.choice(_CAPTIONS)
        size = min(high, round(1.6 * picture.width / len(text)))
        at = picture.width / 2, y
        pen.text(at, text, "white", _font(size), anchor, stroke_width=max(1, size // 12), stroke_fill="black")
    return jpeg(picture)


def watermarked(picture: Image.Image, aside: Aside, opaque: float) -> bytes:
    """A word in slanted rows all over, through which the picture shows."""
    size = max(picture.size)
    layer = Image.new("L", (2 * size, 2 * size))
    pen, font = ImageDraw.Draw(layer), _font(size // 12)
    for row in range(0, 2 * size, max(1, size // 6)):
        pen.text((-aside.draw.randrange(max(1, size // 2)), row), "PREVIEW ONLY   " * 8, round(255 * opaque), font)
    slanted = layer.rotate(30).crop((size // 2, size // 2, size // 2 + picture.width, size // 2 + picture.height))
    return jpeg(Image.composite(Image.new("RGB", picture.size, "white"), picture, slanted))


def stickers(picture: Image.Image, aside: Aside, count: float) -> bytes:
    """That many round smiling faces, each of a fifth of the side."""
    picture = picture.copy()
    pen, size = ImageDraw.Draw(picture), min(picture.size) // 5
    for _ in range(round(count)):
        left, top = (aside.draw.randrange(max(1, side - size)) for side in picture.size)
        pen.ellipse((left, top, left + size, top + size), "#ffcc22", "#7a5200", max(1, size // 20))
        for eye in (0.3, 0.6):
            pen.ellipse((left + size * eye, top + size * 0.3, left + size * (eye + 0.1), top + size * 0.45), "black")
        mouth = (left + size * 0.25, top + size * 0.3, left + size * 0.75, top + size * 0.8)
        pen.arc(mouth, 20, 160, "black", max(1, size // 15))
    return jpeg(picture)


def grid(picture: Image.Image, _aside: Aside, lines: float) -> bytes:
    """A white grid of that many lines each way."""
    picture = picture.copy()
    pen, width = ImageDraw.Draw(picture), max(1, min(picture.size) // 100)
    for number in range(1, round(lines) + 1):
        x, y = (round(side * number / (lines + 1)) for side in picture.size)
        pen.line((x, 0, x, picture.height), "white", width)
        pen.line((0, y, picture.width, y), "white", width)
    return jpeg(picture)


def barred(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """Twelve upright black bars that cover that share of the picture."""
    pixels = np.array(picture)
    pixels[:, np.arange(picture.width) * 12 / picture.width % 1 < share] = 0
    return jpeg(Image.fromarray(pixels))


def chequered(picture: Image.Image, aside: Aside, fields: float) -> bytes:
    """Every other field of a chessboard is of one colour, and half transparent."""
    wide, high = picture.size
    down, across = np.indices((high, wide))
    odd = (down * round(fields) // high + across * round(fields) // wide) % 2
    mask = Image.fromarray((odd * 128).astype(np.uint8))
    return jpeg(Image.composite(Image.new("RGB", picture.size, colour(aside.draw)), picture, mask))


def blended(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """A harmless picture shines through, with that share."""
    return jpeg(Image.blend(picture, aside.decoys(1, picture.size)[0], share))


def covered(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """A patch of one colour and that share of the side, anywhere."""
    picture = picture.copy()
    wide, high = (round(side * share) for side in picture.size)
    at = aside.draw.randrange(picture.width - wide + 1), aside.draw.randrange(picture.height - high + 1)
    picture.paste(colour(aside.draw), (*at, at[0] + wide, at[1] + high))
    return jpeg(picture)
