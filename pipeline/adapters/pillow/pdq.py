"""PDQ hashes, by the library of its authors: bits that small changes of a picture leave as they are.

PDQ was published by Facebook in 2019 ("The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"). A
picture is hashed as a viewer shows it, upright and in sRGB, from 512 pixels a side at most, which its authors advise.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from pipeline.adapters.pillow.modes import backdrops
from pipeline.adapters.pillow.thumbnails import ways_up
from pipeline.errors import StopError
from pipeline.extras import install
from pipeline.items import Pixels
from pipeline.signals import PDQ, Pdqs

SIDE = 512
"""Pixels of the longer side, at most."""
INSTALL = install("pdq")


def pdq_installed() -> bool:
    return find_spec("pdqhash") is not None


def pdq(name: str, image: bytes, max_pixels: int, *, whole: bool = False) -> Pdqs:
    """``PDQ[P]`` of the first frame. Raises `ItemError`, what Pillow raises, and `StopError` without the library."""
    hashed: list[Pdqs] = []
    for still in ways_up(name, image, max_pixels, SIDE, whole=whole):
        made = [_hashed(each) for each in backdrops(still)]
        hashed += made[:1] if len(made) > 1 and made[0] == made[1] else made
    return np.concatenate(hashed)


def _hashed(pixels: Pixels) -> Pdqs:
    try:
        from pdqhash import compute  # noqa: PLC0415 - an extra, of which most workers have no need
    except ImportError as error:
        raise StopError(f"PDQ hashes are to be made, and their library is missing: {INSTALL}") from error
    bits, quality = compute(np.ascontiguousarray(pixels))
    found = np.zeros(1, PDQ)
    found["hash"] = np.packbits(bits.astype(bool)).view(">u8").astype("<u8")
    found["quality"] = quality
    return found
