"""Pictures of nothing, drawn by chance: grounds and decoys where a policy names too few harmless samples."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
_SHAPES = 6


def colour(draw: random.Random) -> Colour:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)


def pattern(draw: random.Random, size: tuple[int, int]) -> Image.Image:
    """An RGB picture of large shapes over a ramp between two colours."""
    ramp = Image.linear_gradient("L").rotate(90 * draw.randrange(4)).resize(size)
    ground = Image.composite(Image.new("RGB", size, colour(draw)), Image.new("RGB", size, colour(draw)), ramp)
    pen = ImageDraw.Draw(ground)
    shapes = (pen.ellipse, pen.rectangle)
    for _ in range(_SHAPES):
        left, top = draw.randrange(size[0]), draw.randrange(size[1])
        wide, high = draw.randint(1, max(1, size[0] // 2)), draw.randint(1, max(1, size[1] // 2))
        draw.choice(shapes)((left, top, left + wide, top + high), fill=colour(draw))
    return ground
