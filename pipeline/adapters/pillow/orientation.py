"""Turning a still upright, by the orientation that `pipeline.rules.images.exif` found."""

from __future__ import annotations

from PIL import Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each of EXIF's orientations; 1 is upright."""


def upright(still: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return still if turn is None else still.transpose(turn)
