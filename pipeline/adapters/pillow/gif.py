"""Draws the frames of a GIF onto their canvas as browsers do; Pillow decodes each frame alone."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from pipeline.rules.images.headers import Stored
from pipeline.rules.images.headers.gif import Disposal, GifFrame, gif_frames

_NOTHING = (0, 0, 0, 0)


def gif_stills(stored: Stored) -> Iterator[Image.Image]:
    """The canvas after each frame: ``RGB`` while it is opaque, else ``RGBA``; one object may come several times.

    ``info["duration"]`` has the frame's milliseconds, as Pillow gives them. Raises whatever Pillow raises.
    """
    canvas: Image.Image | None = None
    last: GifFrame | None = None
    before: Image.Image | None = None
    for frame in gif_frames(stored.data):
        if canvas is not None and last is not None:
            canvas = _disposed(canvas, last, before)
        before = None
        if frame.control.disposal is Disposal.TAKEN_BACK:
            before = Image.new("RGBA", frame.size) if canvas is None else canvas.crop(_box(frame))
        canvas = _with(canvas, frame, stored)
        canvas.info = {"duration": frame.control.delay * 10}
        last = frame
        yield canvas


def _with(canvas: Image.Image | None, frame: GifFrame, stored: Stored) -> Image.Image:
    """The canvas, or a new one, with the frame drawn onto it."""
    with Image.open(BytesIO(frame.alone(stored.data)), formats=("GIF",)) as decoded:
        decoded.load()
        opaque = frame.control.transparent is None
        pixels = decoded.convert("RGB" if opaque else "RGBA")
    if canvas is None and opaque and frame.covers(stored.size):
        return pixels
    canvas = Image.new("RGBA", stored.size) if canvas is None else canvas
    canvas.paste(pixels, _box(frame), None if opaque else pixels)
    return canvas


def _disposed(canvas: Image.Image, frame: GifFrame, before: Image.Image | None) -> Image.Image:
    """The canvas without the frame that was drawn last, where it does not stay; `before` is what was under it."""
    if frame.control.disposal is Disposal.STAYS:
        return canvas
    if frame.control.disposal is Disposal.CLEARED or before is None:
        canvas = canvas if canvas.mode == "RGBA" else canvas.convert("RGBA")
        canvas.paste(_NOTHING, _box(frame))
        return canvas
    canvas = canvas if canvas.mode == before.mode else canvas.convert(before.mode)
    canvas.paste(before, _box(frame))
    return canvas


def _box(frame: GifFrame) -> tuple[int, int, int, int]:
    return frame.left, frame.top, frame.left + frame.size[0], frame.top + frame.size[1]
