"""Transparency: what a viewer shows depends on the ground that it lays the picture on."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from pipeline.lab.evasion.saved import png, saved
from pipeline.lab.evasion.trick import Aside


def shows_on_black(picture: Image.Image, _aside: Aside, opaque: float) -> bytes:
    """All white, the picture in its transparency: on black it is the picture in grey, on white nothing."""
    white = Image.new("L", picture.size, 255)
    return png(Image.merge("LA", (white, picture.convert("L").point(lambda level: level * opaque))))


def shows_on_white(picture: Image.Image, _aside: Aside, opaque: float) -> bytes:
    """All black, the negative in its transparency: on white it is the picture in grey, on black nothing."""
    black = Image.new("L", picture.size, 0)
    return png(Image.merge("LA", (black, ImageOps.invert(picture.convert("L")).point(lambda level: level * opaque))))


def two_faced(picture: Image.Image, aside: Aside, share: float) -> bytes:
    """On black the picture, on white a harmless one: each has a part of the brightness, `share` for the picture.

    With b on black and w on white, the transparency is 1 - (w - b) and the colour is b over that.
    """
    other = aside.decoys(1, picture.size)[0]
    black = np.asarray(picture.convert("L")) / 255 * share
    white = share + np.asarray(other.convert("L")) / 255 * (1 - share)
    alpha = np.clip(1 - (white - black), 1 / 255, 1)
    both = np.stack([np.clip(black / alpha, 0, 1), alpha], axis=-1)
    return png(Image.fromarray((both * 255).round().astype(np.uint8), "LA"))


def faint(picture: Image.Image, _aside: Aside, opaque: float) -> bytes:
    """Evenly transparent: pale on white, dark on black."""
    picture = picture.copy()
    picture.putalpha(round(255 * opaque))
    return saved(picture, "WEBP", quality=90, method=0)


def cut_out(picture: Image.Image, _aside: Aside, share: float) -> bytes:
    """All but a disc of that share of the side is transparent."""
    disc = ImageOps.invert(Image.radial_gradient("L")).point(lambda level: 255 if level > 255 * (1 - share) else 0)
    picture = picture.copy()
    picture.putalpha(disc.resize(picture.size))
    return png(picture)
