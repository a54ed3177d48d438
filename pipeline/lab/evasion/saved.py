"""How a picture becomes a file."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal

from PIL import Image

QUALITY = 90


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    """The file in Pillow's format `form`, with that format's own options."""
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def jpeg(picture: Image.Image, quality: int = QUALITY) -> bytes:
    return saved(picture, "JPEG", quality=quality)


def png(picture: Image.Image, **options: Any) -> bytes:
    return saved(picture, "PNG", compress_level=1, **options)


Animated = Literal["GIF", "PNG", "WEBP"]
_OPTIONS: dict[Animated, dict[str, Any]] = {
    "GIF": {"disposal": 1, "optimize": False},
    "PNG": {"compress_level": 1},
    "WEBP": {"quality": 80, "method": 0},
}


def animation(frames: list[Image.Image], milliseconds: list[int], form: Animated) -> bytes:
    """All frames as one file that plays for ever, each shown that long."""
    if form == "GIF":
        frames = [frame.quantize(128, Image.Quantize.FASTOCTREE) for frame in frames]
    rest = {"save_all": True, "append_images": frames[1:], "duration": milliseconds, "loop": 0}
    return saved(frames[0], form, **rest, **_OPTIONS[form])
