"""Which way up a still stands, by its EXIF."""

from __future__ import annotations

from PIL import ExifTags, Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what undoes it; 1 stands upright already."""


def oriented(still: Image.Image) -> Image.Image:
    """The still as viewers show it, by its EXIF orientation; unreadable EXIF is ignored, as viewers do."""
    try:
        orientation = still.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001  a stranger's EXIF may break its parser in any way
        return still
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return still if turn is None else still.transpose(turn)
