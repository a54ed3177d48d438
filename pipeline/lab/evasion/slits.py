"""The picture in slits, of which each frame shows some: no frame has it all, and the eye puts it together."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipeline.lab.evasion.saved import Animated, animation
from pipeline.lab.evasion.trick import Aside, Make

_SIZE = (144, 144)
_BLINK = 20


def slits(form: Animated, axis: int) -> Make:
    """Slits one after the other on black, upright (`axis` 1) or level (0); the strength is their number."""

    def make(picture: Image.Image, _aside: Aside, count: float) -> bytes:
        along = np.arange(_SIZE[0]) * round(count) // _SIZE[0]
        return _shown_in_turn(picture, np.indices(_SIZE)[axis] * 0 + _across(along, axis), round(count), form)

    return make


def comb(picture: Image.Image, _aside: Aside, count: float) -> bytes:
    """Every n-th line of 4 pixels, in turn."""
    along = np.arange(_SIZE[0]) // 4 % round(count)
    return _shown_in_turn(picture, np.broadcast_to(_across(along, 0), _SIZE), round(count), "WEBP")


def chequered(picture: Image.Image, _aside: Aside, count: float) -> bytes:
    """The black fields of a chessboard of that many fields a side, then the white ones."""
    down, across = np.indices(_SIZE) * round(count) // _SIZE[0]
    return _shown_in_turn(picture, (down + across) % 2, 2, "PNG")


def _across(along: np.ndarray, axis: int) -> np.ndarray:
    return along[:, np.newaxis] if axis == 0 else along[np.newaxis]


def _shown_in_turn(picture: Image.Image, turn: np.ndarray, count: int, form: Animated) -> bytes:
    """Frame k shows the pixels whose ``turn``, ``int[H,W]``, is k, and black elsewhere."""
    pixels = np.asarray(picture.resize(_SIZE))
    frames = [Image.fromarray(pixels * (turn == k)[..., np.newaxis].astype(np.uint8)) for k in range(count)]
    return animation(frames, [_BLINK] * count, form)
