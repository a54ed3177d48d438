"""Draws the frames of a GIF onto their canvas as browsers do; Pillow decodes each frame alone."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from pipeline.adapters.pillow.canvas import Canvas
from pipeline.rules.images.headers import Stored
from pipeline.rules.images.headers.gif import gif_frames


def gif_stills(stored: Stored) -> Iterator[Image.Image]:
    """The canvas after each frame: ``RGB`` while it is opaque, else ``RGBA``; one object may come several times.

    ``info["duration"]`` has the frame's milliseconds, as Pillow gives them. Raises whatever Pillow raises.
    """
    canvas = Canvas(stored.size, translucent=False)
    for frame in gif_frames(stored.data):
        with Image.open(BytesIO(frame.alone(stored.data)), formats=("GIF",)) as decoded:
            decoded.load()
            pixels = decoded.convert("RGB" if frame.control.transparent is None else "RGBA")
        still = canvas.drawn(pixels, (frame.left, frame.top), frame.control.disposal, over=True)
        still.info = {"duration": frame.control.delay * 10}
        yield still
