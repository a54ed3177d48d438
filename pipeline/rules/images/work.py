"""What decoding one image costs at worst, computed from its headers before it is decoded.

A file's size says nothing of that: 288 KB of progressive JPEG took 29 s, 34 bytes of lossless WebP 981 MB. So each
format's headers (`pipeline.rules.images.headers`) give a `Work`, and what is over a limit is refused with the reason
``too_much_work``. The rates stand beside each format. They were measured on one core of a 2024 Xeon with flat and
with noisy pictures of up to 64 megapixels, and the dearer of the two was taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import ItemError, Reason

MAX_SECONDS = 2.5
"""CPU seconds of one core that one image may cost, by the rates measured on one machine."""
MAX_BYTES = 520_000_000
"""Bytes of memory that one image may take for a moment, besides the file itself.

Two full copies of a 64-megapixel still as Pillow keeps it, four bytes a pixel, are 512 million.
"""
PILLOW_PIXEL = 4
"""Bytes that Pillow keeps of a pixel in all modes but the one-channel ones."""
SMALL_ENOUGH = 16_000_000
"""Pixels up to which a still is worked on as it is; fast preprocessing halves larger ones first, strip by strip."""
LEAST_SIDE = 2048
"""Halving leaves the shorter side at least that long, so that its tiles keep what the model can see."""


@dataclass(frozen=True, slots=True)
class Work:
    """CPU seconds and bytes of memory for one image; `of` names the image, for the dead letter's reader."""

    seconds: float
    memory: float
    of: str

    def and_more(self, seconds: float) -> Work:
        """The same work with `seconds` added."""
        return Work(self.seconds + seconds, self.memory, self.of)

    def check(self) -> None:
        """Raise `ItemError` for what is over a limit."""
        if self.seconds > MAX_SECONDS:
            found = f"about {self.seconds:,.1f} s of decoding, limit {MAX_SECONDS:g}"
        elif self.memory > MAX_BYTES:
            found = f"about {self.memory / 1e6:,.0f} MB of memory, limit {MAX_BYTES / 1e6:,.0f}"
        else:
            return
        raise ItemError(Reason.TOO_MUCH_WORK, f"{self.of}: {found}")


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse a picture or canvas of more than `max_pixels`."""
    if size[0] * size[1] > max_pixels:
        raise ItemError(Reason.TOO_LARGE, f"{size[0]:,} x {size[1]:,} pixels, limit {max_pixels:,}")


def halvings(size: tuple[int, int]) -> int:
    """By which factor, a power of two, a still of that (width, height) is reduced before anything copies it whole."""
    factor = 1
    while size[0] * size[1] > SMALL_ENOUGH * factor**2 and min(size) >= 2 * factor * LEAST_SIDE:
        factor *= 2
    return factor


def copies(size: tuple[int, int], *, converted: bool, turned: bool, fast: bool) -> int:
    """Bytes that conversion to the model's colours and turning upright take besides the decoded still itself."""
    factor = halvings(size) if fast else 1
    pixels = size[0] * size[1] / factor**2
    return int(pixels * PILLOW_PIXEL * ((converted or factor > 1) + turned))
