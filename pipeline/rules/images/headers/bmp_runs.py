"""Run-length coded BMPs, decoded as browsers do. Source: "Bitmap Compression" in the GDI documentation.

Pillow's decoder gives pixels that the coding skips the palette's first colour, lets literal pixels run on into the
next row, and counts their padding from the start of the file.
"""

from __future__ import annotations

from pipeline.errors import ItemError, Reason

_END_OF_ROW, _END, _MOVE = 0, 1, 2
_HALVES = [bytes((byte >> 4, byte & 15)) for byte in range(256)]


class Runs:
    """Palette indices of a picture of (width, height), row by row as they are stored, and where there are none."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.width, self.total = size[0], size[0] * size[1]
        self.indices = bytearray(self.total)
        self.skipped: list[tuple[int, int]] = []
        """First pixel and the one behind the last, of each piece."""
        self._row = self._x = 0

    def decode(self, data: bytes, at: int, *, four_bits: bool) -> None:
        """Raises `ItemError` for what ends too early, or moves out of the picture."""
        while self._row < self.total and at + 2 <= len(data):
            count, value = data[at], data[at + 1]
            at += 2
            if count:
                self._put((_HALVES[value] * (count + 1 >> 1))[:count] if four_bits else bytes((value,)) * count)
            elif value == _END_OF_ROW:
                self._skip_to(self._row + self.width, 0)
            elif value == _END:
                self._skip_to(self.total, 0)
            elif value == _MOVE:
                self._move(*data[at : at + 2].ljust(2, b"\x00"))
                at += 2
            else:
                length = value + 1 >> 1 if four_bits else value
                literal = data[at : at + length]
                self._put(b"".join(_HALVES[byte] for byte in literal)[:value] if four_bits else literal)
                at += length + (length & 1)
        if self._row + self._x < self.total:
            raise ItemError(Reason.TRUNCATED, f"BMP: part of the picture is missing ({len(data):,} bytes)")

    def _put(self, pixels: bytes) -> None:
        """What is behind the end of the row is dropped."""
        end = min(self._x + len(pixels), self.width)
        self.indices[self._row + self._x : self._row + end] = pixels[: end - self._x]
        self._x = end

    def _move(self, right: int, rows: int) -> None:
        if self._x + right > self.width or self._row + rows * self.width >= self.total:
            raise ItemError(Reason.DECODE_FAILED, "BMP: runs that leave the picture")
        self._skip_to(self._row + rows * self.width, self._x + right)

    def _skip_to(self, row: int, x: int) -> None:
        start, end = self._row + self._x, row + x
        if end > start:
            self.skipped.append((start, end))
        self._row, self._x = row, x
