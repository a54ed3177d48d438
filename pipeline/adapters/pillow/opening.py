"""Strangers' bytes to a Pillow image that may be loaded: what it costs is checked before it is spent."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from pipeline.errors import ItemError, Reason
from pipeline.rules.formats import is_cut_short

ANIMATION_WORK = 8
"""An animation may cost this many times `max_pixels`, all frames together: each must be drawn to draw the next."""
LEAST_FRAME_WORK = 32_768
"""What the smallest frame counts for, in pixels: its headers and bookkeeping cost about as much (0.2 ms)."""


def check_size(size: tuple[int, int] | None, max_pixels: int) -> None:
    """Refuse what would not fit the memory; Pillow's own guard is a global setting and warns at 89 million."""
    if size is not None and size[0] * size[1] > max_pixels:
        found = f"{size[0]:,} x {size[1]:,} pixels, limit {max_pixels:,}"
        raise ItemError(Reason.TOO_LARGE, found)


def check_work(size: tuple[int, int], count: int, max_pixels: int) -> None:
    """Refuse an animation of `count` frames on a canvas of `size` that would take too long to draw."""
    work, limit = count * max(size[0] * size[1], LEAST_FRAME_WORK), ANIMATION_WORK * max_pixels
    if work > limit:
        found = f"{count:,} frames of {size[0]:,} x {size[1]:,}: {work:,} pixels to draw, limit {limit:,}"
        raise ItemError(Reason.TOO_LARGE, found)


def drawn(image: Image.Image, count: int, max_pixels: int) -> Iterator[tuple[int, Image.Image]]:
    """Each frame in turn; a GIF may enlarge its canvas on the way, so the sizes are checked again."""
    for index in range(count):
        image.seek(index)
        check_size(image.size, max_pixels)
        check_work(image.size, count, max_pixels)
        image.load()
        yield index, image


def typed(name: str, image: bytes, error: Exception) -> ItemError:
    """The reason for what a decoder raised, from its type, its words and the end of the file."""
    words = f"{name}: {error or type(error).__name__}"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError)):
        return ItemError(Reason.TOO_LARGE, words)
    if isinstance(error, UnidentifiedImageError):
        words = f"{name}: the header cannot be read"
    if "truncated" in words.lower() or is_cut_short(name, image):
        return ItemError(Reason.TRUNCATED, f"{words} ({len(image):,} bytes)")
    return ItemError(Reason.DECODE_FAILED, words)
