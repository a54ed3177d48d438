"""The picture in slits, of which each frame shows some: no frame has it all, and the eye puts it together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.lab.evasion.saved import Animated, animation
from pipeline.lab.evasion.trick import Aside, Make

_SIDE = 144
_BLINK = 20
"""Milliseconds that a frame is shown."""


Turn = NDArray[np.intp]
"""``int[H,W]``, or what broadcasts to it: the frame that shows each pixel."""


def slits(form: Animated, axis: int) -> Make:
    """Slits one after the other on black, upright (`axis` 1) or level (0); the strength is their number."""

    def make(picture: Image.Image, _aside: Aside, count: float) -> bytes:
        turn = np.arange(_SIDE) * round(count) // _SIDE
        return _shown_in_turn(picture, turn[np.newaxis] if axis else turn[:, np.newaxis], round(count), form)

    return make


def comb(picture: Image.Image, _aside: Aside, count: float) -> bytes:
    """Bands of 4 rows: every n-th, then those below them, and so on."""
    turn = np.arange(_SIDE) // 4 % round(count)
    return _shown_in_turn(picture, turn[:, np.newaxis], round(count), "WEBP")


def chequered(picture: Image.Image, _aside: Aside, count: float) -> bytes:
    """The black fields of a chessboard of that many fields a side, then the white ones."""
    along = np.arange(_SIDE) * round(count) // _SIDE
    return _shown_in_turn(picture, (along[:, np.newaxis] + along[np.newaxis]) % 2, 2, "PNG")


def _shown_in_turn(picture: Image.Image, turn: Turn, count: int, form: Animated) -> bytes:
    """As many frames as `count`; what a frame does not show of the picture is black in it."""
    pixels = np.asarray(picture.resize((_SIDE, _SIDE)))
    frames = [Image.fromarray(pixels * (turn == number)[..., np.newaxis].astype(np.uint8)) for number in range(count)]
    return animation(frames, [_BLINK] * count, form)
