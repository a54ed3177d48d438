"""BMP: the header alone. Sources: BITMAPINFOHEADER and BITMAPV5HEADER in the GDI documentation."""

from __future__ import annotations

from pipeline.rules.images.headers.stored import Colour, Stored, check_profile
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying

PIXEL = 6e-9
FIVE_BIT_PIXEL = 11e-9
"""Seconds for a pixel of 16 bits, which are spread to 24."""
RUN_PIXEL, RUN_BYTE = 0.25e-6, 0.5e-6
"""Seconds for run-length coding, which Pillow decodes in Python: filling up a row takes a step for each pixel."""

_OLD_HEADER, _HEADER_WITH_PROFILE = 12, 124
_RUNS = {1, 2}
_FIVE_BITS, _WITH_ALPHA = 16, 32


def read_bmp(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large or too much work."""
    header = int.from_bytes(data[14:18], "little")
    if header == _OLD_HEADER:
        width, height = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        bits, compression = int.from_bytes(data[24:26], "little"), 0
    else:
        width = int.from_bytes(data[18:22], "little")
        height = abs(int.from_bytes(data[22:26], "little", signed=True))
        bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    size = (width, height)
    check_size("BMP", size, max_pixels)
    pixels = width * height
    runs = compression in _RUNS
    seconds = pixels * (FIVE_BIT_PIXEL if bits == _FIVE_BITS else PIXEL)
    seconds += copying(size, converted=bits == _WITH_ALPHA, turned=False, fast=fast)
    seconds += pixels * RUN_PIXEL + len(data) * RUN_BYTE if runs else 0.0
    memory = pixels * (1 if bits <= 8 else PILLOW_PIXEL) + (2 * pixels if runs else 0)  # noqa: PLR2004  a palette
    memory += copies(size, converted=True, turned=False, fast=fast)
    work = Work(seconds, memory, f"BMP of {width:,} x {height:,} pixels" + (", run-length coded" if runs else ""))
    return Stored(data, size, work, colour=Colour(icc=_profile(data, header)))


def _profile(data: bytes, header: int) -> bytes | None:
    """The colour profile that a header of version 5 says is embedded, or None."""
    if header != _HEADER_WITH_PROFILE or data[70:74] != b"DEBM":
        return None
    start, length = 14 + int.from_bytes(data[126:130], "little"), int.from_bytes(data[130:134], "little")
    profile = data[start : start + length]
    check_profile("BMP", len(profile))
    return profile if 0 < len(profile) == length else None
