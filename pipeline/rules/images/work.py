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
CONVERTED_PIXEL = 7e-9
"""Seconds to bring a pixel into a mode that may be scaled: from a palette, or with alpha, which is read as well."""
TURNED_PIXEL = 9e-9
"""Seconds to turn a pixel upright: what stands side by side then lay far apart."""
SHOWN_PIXEL, TRANSLUCENT_SHOWN_PIXEL = 4e-9, 18e-9
"""Seconds for a pixel of an animation's canvas in each frame that is looked at: it is converted and scaled."""
LOOKED_AT = 8
"""Frames of an animation that are looked at by default."""
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


def check_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    """Refuse a picture or canvas, of the format `name`, of more than `max_pixels`."""
    if size[0] * size[1] > max_pixels:
        raise ItemError(Reason.TOO_LARGE, f"{name} of {size[0]:,} x {size[1]:,} pixels, limit {max_pixels:,}")


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


def copying(size: tuple[int, int], *, converted: bool, turned: bool, fast: bool) -> float:
    """CPU seconds that these copies take. All of a still is converted, and what its halvings leave is turned."""
    pixels = size[0] * size[1]
    factor = halvings(size) if fast else 1
    return pixels * CONVERTED_PIXEL * converted + pixels / factor**2 * TURNED_PIXEL * turned


def looking(size: tuple[int, int], frames: int, *, translucent: bool) -> float:
    """CPU seconds to convert and scale the canvas in those of the frames that are looked at."""
    pixel = TRANSLUCENT_SHOWN_PIXEL if translucent else SHOWN_PIXEL
    return min(frames, LOOKED_AT) * size[0] * size[1] * pixel
