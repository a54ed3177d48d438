"""What people put round a picture and beside it: bars, frames, blurred copies, other pictures.

Each function takes an RGB picture and gives a larger one that shows it. `SURROUNDS` names them. Whatever is random
comes from the generator that is passed, so that the same seed gives the same picture.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Surround = Callable[[Image.Image, Sequence[Image.Image], random.Random], Image.Image]
"""From a picture, three harmless ones of the same size and a random generator to a picture that shows the first."""

GRAIN = 12.0
"""Standard deviation of the grain in `noisy` bars, of 255."""
BAR = 1.9
"""How many times its own height a picture has with bars above and below it."""


def letterboxed(picture: Image.Image, _others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """Bars of one colour, mostly black or white, above and below."""
    colour = draw.choice([(0, 0, 0), (0, 0, 0), (255, 255, 255), _colour(draw)])
    return _between_bars(picture, Image.new("RGB", _taller(picture), colour))


def graded(picture: Image.Image, _others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """Bars that run from one colour to another, as some players fill them."""
    width, height = _taller(picture)
    ramp = Image.linear_gradient("L").resize((width, height))
    bars = Image.composite(
        Image.new("RGB", ramp.size, _colour(draw)), Image.new("RGB", ramp.size, _colour(draw)), ramp
    )
    return _between_bars(picture, bars)


def noisy(picture: Image.Image, _others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """Bars with grain, which are never quite one colour."""
    width, height = _taller(picture)
    bars = Image.new("RGB", (width, height), _colour(draw))
    # Pillow's own `effect_noise` takes no seed.
    grain = np.random.default_rng(draw.getrandbits(64)).normal(128, GRAIN, (height, width))
    grey = Image.fromarray(grain.clip(0, 255).astype(np.uint8)).convert("RGB")
    return _between_bars(picture, Image.blend(bars, grey, 0.25))


def blurred(picture: Image.Image, _others: Sequence[Image.Image], _draw: random.Random) -> Image.Image:
    """The picture over a blurred, enlarged copy of itself, as upright video shows what is wider than high."""
    width, height = _taller(picture)
    scale = max(width / picture.width, height / picture.height)
    large = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    left, top = (large.width - width) // 2, (large.height - height) // 2
    behind = large.crop((left, top, left + width, top + height))
    return _between_bars(picture, behind.filter(ImageFilter.GaussianBlur(width / 18)))


def framed(picture: Image.Image, _others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """A coloured frame all round, whose inner corners are round and hide those of the picture."""
    thick = round(min(picture.size) * draw.uniform(0.12, 0.35))
    framed = Image.new("RGB", (picture.width + 2 * thick, picture.height + 2 * thick), _colour(draw))
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *picture.size), min(picture.size) // 12, fill=255)
    framed.paste(picture, (thick, thick), mask)
    return framed


def shot(picture: Image.Image, _others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """A telephone's screen: the clock above, a caption and buttons below, on plain ground."""
    width, height = picture.size
    ground, ink = draw.choice([((255, 255, 255), (20, 20, 20)), ((18, 18, 18), (235, 235, 235))])
    above, below = height // 3, height // 2
    screen = Image.new("RGB", (width, above + height + below), ground)
    pen = ImageDraw.Draw(screen)
    pen.text((width // 20, above // 5), "9:41", fill=ink)
    pen.rectangle((width * 9 // 10, above // 5, width * 19 // 20, above // 4 + 4), fill=ink)
    pen.text((width // 20, above // 2), "somebody", fill=ink)
    for line in range(3):
        pen.text((width // 20, above + height + below // 5 + line * 14), "and what they said of it " * 2, fill=ink)
    screen.paste(picture, (0, above))
    return screen


def collage(picture: Image.Image, others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """Two by two, the picture anywhere among the harmless ones, with or without a gap."""
    gap = draw.choice([0, 0, min(picture.size) // 40])
    width, height = picture.size
    whole = Image.new("RGB", (2 * width + gap, 2 * height + gap), draw.choice([(255, 255, 255), (0, 0, 0)]))
    every = [picture, *others[:3]]
    draw.shuffle(every)
    for number, each in enumerate(every):
        whole.paste(each.resize(picture.size), ((number % 2) * (width + gap), (number // 2) * (height + gap)))
    return whole


def beside(picture: Image.Image, others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """Two pictures side by side, as of before and after."""
    width, height = picture.size
    both = [picture, others[0].resize(picture.size)]
    draw.shuffle(both)
    whole = Image.new("RGB", (2 * width, height))
    for number, each in enumerate(both):
        whole.paste(each, (number * width, 0))
    return whole


def inset(picture: Image.Image, others: Sequence[Image.Image], draw: random.Random) -> Image.Image:
    """The picture small in a corner of a harmless one, as a caller's own face is."""
    width, height = picture.size
    whole = others[0].resize((round(width * 2.6), round(height * 2.6)), Image.Resampling.BICUBIC)
    edge = min(picture.size) // 8
    x, y = draw.choice([edge, whole.width - width - edge]), draw.choice([edge, whole.height - height - edge])
    whole.paste(picture, (x, y))
    return whole


SURROUNDS: dict[str, Surround] = {
    "letterbox": letterboxed,
    "graded bars": graded,
    "noisy bars": noisy,
    "blurred bars": blurred,
    "frame": framed,
    "screenshot": shot,
    "collage": collage,
    "side by side": beside,
    "inset": inset,
}


def _taller(picture: Image.Image) -> tuple[int, int]:
    return picture.width, round(picture.height * BAR)


def _between_bars(picture: Image.Image, bars: Image.Image) -> Image.Image:
    bars.paste(picture, (0, (bars.height - picture.height) // 2))
    return bars


def _colour(draw: random.Random) -> tuple[int, int, int]:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)
