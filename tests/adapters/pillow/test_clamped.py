"""A JPEG whose values are cut off at black and white: at a scale a decoder may make another picture of it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from pipeline.adapters.pillow import PillowDecoder
from tests import images
from tests.adapters.pillow.test_decoder import spec

SIDE, DARK, FINE = 1024, 30, 20


def clamped() -> bytes:
    """The mean of each block is dark; in the right half dots far below black and far above white are stored.

    A full decoder shows grey there: what is below black it cuts off, and the mean with it.
    """
    levels = np.full((SIDE, SIDE), DARK, np.uint8)
    dots = np.indices((SIDE, SIDE)).sum(axis=0) % 2
    levels[:, SIDE // 2 :] += (FINE * (2 * dots[:, SIDE // 2 :] - 1)).astype(np.uint8)
    file = bytearray(images.encoded(Image.fromarray(levels), "JPEG", qtables=[[1] * 64]))
    table = file.index(b"\xff\xdb") + 5
    file[table + 1 : table + 64] = bytes([20] * 63)
    return bytes(file)


def halves(shown: Image.Image) -> tuple[float, float]:
    levels = np.asarray(shown.convert("L"))
    width = levels.shape[1] // 2
    return float(levels[:, : width - 4].mean()), float(levels[:, width + 4 :].mean())


def test_exact_judges_what_browsers_show_and_so_do_its_thumbnails() -> None:
    file = clamped()
    with Image.open(BytesIO(file)) as shown:
        dark, grey = halves(shown)
    assert (dark, grey > DARK + 60) == (DARK, True)
    decoder = PillowDecoder(spec(), preprocess="exact")
    thumbnail = Image.open(BytesIO(decoder.thumbnail(file, 0)))
    for seen in (Image.fromarray(decoder.decode(file).pixels[0]), thumbnail):
        assert abs(halves(seen)[0] - dark) < 4
        assert abs(halves(seen)[1] - grey) < 6
