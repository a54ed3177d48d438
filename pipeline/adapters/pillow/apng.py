"""Draws the frames of an APNG onto their canvas as browsers do; Pillow decodes each frame alone."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from pipeline.adapters.pillow.canvas import Canvas
from pipeline.adapters.pillow.modes import straight
from pipeline.rules.images.headers import Stored
from pipeline.rules.images.headers.apng import Apng


def apng_stills(stored: Stored) -> Iterator[Image.Image]:
    """The still that is no part of the animation, if there is one, and then the canvas after each frame.

    ``RGB`` while it is opaque, else ``RGBA``; one object may come several times. ``info["duration"]`` has the frame's
    milliseconds, as Pillow gives them. Raises `ItemError`, and whatever Pillow raises.
    """
    apng, canvas = Apng(stored.data), Canvas(stored.size, translucent=True)
    for frame in apng.frames():
        with Image.open(BytesIO(apng.alone(frame)), formats=("PNG",)) as decoded:
            decoded.load()
            pixels = straight(decoded)
        if frame.is_default:
            pixels.info = {}
            yield pixels
            continue
        still = canvas.drawn(pixels, (frame.left, frame.top), frame.disposal, over=frame.over)
        still.info = {"duration": frame.milliseconds}
        yield still
