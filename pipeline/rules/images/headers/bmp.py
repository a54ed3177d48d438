"""BMP: the header alone. Sources: BITMAPINFOHEADER and BITMAPV5HEADER in the GDI documentation."""

from __future__ import annotations

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.bmp_plain import alpha_mask, with_right_alpha, with_whole_palette, without_runs
from pipeline.rules.images.headers.stored import Colour, Stored, check_profile
from pipeline.rules.images.work import PILLOW_PIXEL, Work, check_size, copies, copying

PIXEL = 6e-9
FIVE_BIT_PIXEL = 11e-9
"""Seconds for a pixel of 16 bits, which are spread to 24."""
TRANSLUCENT_PIXEL = 30e-9
"""Seconds more where one of the 16 bits is alpha."""
RUN_PIXEL, RUN_BYTE = 40e-9, 0.65e-6
"""Seconds for run-length coding, which is decoded in Python, a step for each run."""
RUN_COPIES, TRANSLUCENT_COPIES = 17, 15
"""Bytes of a pixel while a file is written anew."""

_OLD_HEADER, _HEADER_WITH_PROFILE = 12, 124
_RUNS = {1: 8, 2: 4}
"""Bits of the palette's indices, by the number of the compression."""
_WITH_PALETTE = {1, 4, 8}
_FIVE_BITS, _WITH_ALPHA = 16, 32


def read_bmp(data: bytes, max_pixels: int, *, fast: bool) -> Stored:
    """Raises `ItemError` for what is too large or too much work."""
    header = int.from_bytes(data[14:18], "little")
    if header == _OLD_HEADER:
        width, height = int.from_bytes(data[18:20], "little"), int.from_bytes(data[20:22], "little")
        bits, compression = int.from_bytes(data[24:26], "little"), 0
    else:
        width, height = int.from_bytes(data[18:22], "little"), int.from_bytes(data[22:26], "little", signed=True)
        bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    size = (width, abs(height))
    check_size("BMP", size, max_pixels)
    runs = compression in _RUNS
    if runs and _RUNS[compression] != bits:
        raise ItemError(Reason.DECODE_FAILED, f"BMP: runs of {bits} bits, which no browser shows")
    mask = alpha_mask(data, header, compression) if bits in {_FIVE_BITS, _WITH_ALPHA} else 0
    work = _work(size, len(data), bits, runs=runs, alpha=mask != 0, fast=fast)
    work.check()
    colour = Colour(icc=_profile(data, header))
    if runs:
        data = without_runs(data, header, (width, height), four_bits=bits == 4)  # noqa: PLR2004
    elif bits in _WITH_PALETTE and header != _OLD_HEADER:
        data = with_whole_palette(data, header, bits)
    elif mask:
        data = with_right_alpha(data, (width, height), bits, compression, mask)
    return Stored(data, size, work, colour=colour)


def _work(size: tuple[int, int], length: int, bits: int, *, runs: bool, alpha: bool, fast: bool) -> Work:
    pixels = size[0] * size[1]
    spread = alpha and bits == _FIVE_BITS
    seconds = pixels * (FIVE_BIT_PIXEL if bits == _FIVE_BITS else PIXEL) + pixels * TRANSLUCENT_PIXEL * spread
    seconds += copying(size, converted=bits == _WITH_ALPHA or runs or spread, turned=False, fast=fast)
    seconds += pixels * RUN_PIXEL + length * RUN_BYTE if runs else 0.0
    memory = pixels * (1 if bits <= 8 else PILLOW_PIXEL)  # noqa: PLR2004  a palette
    memory += pixels * (RUN_COPIES if runs else TRANSLUCENT_COPIES if spread else 0)
    memory += copies(size, converted=True, turned=False, fast=fast)
    return Work(seconds, memory, f"BMP of {size[0]:,} x {size[1]:,} pixels" + (", run-length coded" if runs else ""))


def _profile(data: bytes, header: int) -> bytes | None:
    """The colour profile that a header of version 5 says is embedded, or None."""
    if header != _HEADER_WITH_PROFILE or data[70:74] != b"DEBM":
        return None
    start, length = 14 + int.from_bytes(data[126:130], "little"), int.from_bytes(data[130:134], "little")
    profile = data[start : start + length]
    check_profile("BMP", len(profile))
    return profile if 0 < len(profile) == length else None
