"""BMPs that Pillow reads otherwise than browsers, written anew so that both show the same."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ItemError, Reason
from pipeline.rules.images.headers.bmp_runs import Runs

_HEADER, _MASKS, _ALPHA = 14, 54, 66
"""Where the header begins, and in it the masks of red, green, blue and, in larger ones, alpha."""
_PLAIN, _BY_MASKS = 0, 3
_ALPHA_MASKS = {_PLAIN: (108, 124), _BY_MASKS: (56, 108, 124)}
"""The headers whose mask for alpha counts, by the compression."""
_FEW = 4096
"""Pixels of which one is nearly always opaque where any is."""
_FIVE_FIVE_FIVE_ONE = (0x7C00, 0x03E0, 0x001F, 0x8000)
_BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)

Size = tuple[int, int]
"""Width and height, which is negative where the first row is the top one."""


def with_whole_palette(data: bytes, header: int, bits: int) -> bytes:
    """The file with as many colours as there are indices: those that it lacks are black, and those too many go.

    By two greys or fewer Pillow takes a pixel for one bit, and by a ramp of greys an index for a grey.
    """
    count = int.from_bytes(data[46:50], "little")
    if count in {0, 1 << bits}:
        return data
    colours = _HEADER + header
    head = data[:10] + struct.pack("<I", colours + (4 << bits)) + data[14:46] + bytes(4) + data[50:colours]
    return head + _palette(data, header, count, 1 << bits) + data[_pixels_at(data, header, count) :]


def _pixels_at(data: bytes, header: int, count: int) -> int:
    """Where the pixels begin; some files forget the palette, of `count` colours, that comes first."""
    start = int.from_bytes(data[10:14], "little")
    return _HEADER + header + 4 * count if start in {0, _HEADER + header} else start


def _palette(data: bytes, header: int, count: int, wanted: int) -> bytes:
    start = _HEADER + header
    return data[start : start + 4 * min(count, wanted)].ljust(4 * wanted, b"\x00")


def without_runs(data: bytes, header: int, size: Size, *, four_bits: bool) -> bytes:
    """A run-length coded file as one of plain pixels; those that are skipped show through.

    Chromium shows them black, and others what is behind. Raises `ItemError`.
    """
    runs = Runs((size[0], abs(size[1])))
    count = int.from_bytes(data[46:50], "little") or (16 if four_bits else 256)
    runs.decode(data, _pixels_at(data, header, count), four_bits=four_bits)
    palette = _palette(data, header, count, 256)
    indices = np.frombuffer(runs.indices, np.uint8).reshape(abs(size[1]), size[0])
    if not runs.skipped:
        return _paletted(size, palette, indices)
    colours = np.frombuffer(palette, np.uint8).reshape(256, 4) | np.array([0, 0, 0, 255], np.uint8)
    pixels = colours[indices].reshape(-1, 4)
    for first, end in runs.skipped:
        pixels[first:end] = 0
    return _translucent(size, pixels)


def alpha_mask(data: bytes, header: int, compression: int) -> int:
    """The mask of alpha where browsers heed it, else 0."""
    return int.from_bytes(data[_ALPHA : _ALPHA + 4], "little") if header in _ALPHA_MASKS.get(compression, ()) else 0


def with_right_alpha(data: bytes, size: Size, bits: int, compression: int, mask: int) -> bytes:
    """The file, of 16 or 32 bits with a mask of alpha, as browsers see that alpha, or without it where it hides all.

    Where nothing shows, some viewers ignore the alpha. Raises `ItemError` where they differ in what they show.
    """
    start, pixels = int.from_bytes(data[10:14], "little"), size[0] * abs(size[1])
    if bits == 16 and compression == _BY_MASKS:  # noqa: PLR2004
        return _from_five_bits(data, start, size)
    if bits == 16 or len(data) < start + 4 * pixels:  # noqa: PLR2004
        return data
    at = 3 if compression == _PLAIN else _byte(mask)
    alpha = np.frombuffer(data, np.uint8, 4 * pixels, start)[at::4]
    if not (alpha[:_FEW].any() or alpha.any()):
        return data[:_ALPHA] + bytes(4) + data[_ALPHA + 4 :]
    if compression == _PLAIN and alpha.min() < 255:  # noqa: PLR2004
        raise ItemError(Reason.DECODE_FAILED, "BMP: an alpha that not every viewer shows")
    return data


def _byte(mask: int) -> int:
    """Which of a pixel's four bytes a mask begins in."""
    return ((mask & -mask).bit_length() - 1) // 8


def _from_five_bits(data: bytes, start: int, size: Size) -> bytes:
    masks = struct.unpack_from("<4I", data, _MASKS)
    if masks != _FIVE_FIVE_FIVE_ONE:
        raise ItemError(Reason.DECODE_FAILED, "BMP: 16 bits with an alpha other than one bit")
    width, height = size[0], abs(size[1])
    stride = (width + 1) // 2 * 2
    if len(data) < start + 2 * stride * height:
        raise ItemError(Reason.TRUNCATED, f"BMP: part of the picture is missing ({len(data):,} bytes)")
    rows = np.frombuffer(data, "<u2", stride * height, start).reshape(height, stride)[:, :width]
    pixels = np.empty((height, width, 4), np.uint8)
    for channel, shift in enumerate((0, 5, 10)):
        pixels[..., channel] = _EIGHT_BITS[rows >> shift & 31]
    pixels[..., 3] = np.where(rows & masks[3], 255, 0)
    if not pixels[..., 3].any():
        pixels[..., 3] = 255
    return _translucent(size, pixels)


_EIGHT_BITS = (np.arange(32) * 255 // 31).astype(np.uint8)


def _paletted(size: Size, palette: bytes, indices: NDArray[np.uint8]) -> bytes:
    rows = np.zeros((len(indices), -(-size[0] // 4) * 4), np.uint8)
    rows[:, : size[0]] = indices
    return _file(size, 8, _PLAIN, palette, rows)


def _translucent(size: Size, pixels: NDArray[np.uint8]) -> bytes:
    return _file(size, 32, _BY_MASKS, struct.pack("<4I", *_BGRA) + bytes(52), pixels)


def _file(size: Size, bits: int, compression: int, more: bytes, rows: NDArray[np.uint8]) -> bytes:
    """`more` is a palette, or where there are masks what makes the header one of 108 bytes."""
    header = 108 if compression == _BY_MASKS else 40
    start = _HEADER + 40 + len(more)
    head = struct.pack("<2sIHHI", b"BM", start + rows.nbytes, 0, 0, start)
    head += struct.pack("<IiiHHIIiiII", header, *size, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"".join((head, more, rows.tobytes()))
