"""Converts a still of any stored mode to ``L``, ``RGB``, ``CMYK``, or ``RGBa`` where something shows through.

A large still is never copied whole: strips of it are converted, reduced and put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.rules.images.deep import eight_bits, opacity

OPAQUE = 250
"""Alpha from which a pixel counts as opaque: over black or white it moves by 2% at most."""
STRIP = 1_000_000
"""About how many pixels a strip has: 4 MB for each copy of it."""

_Step = Callable[[Image.Image], Image.Image]


def worked(image: Image.Image, *each_step: _Step | None, factor: int = 1) -> Image.Image:
    """A loaded still after `each_step`, reduced by `factor` (means of whole blocks).

    The very same object comes back where there is nothing to do.
    """
    steps = [step for step in each_step if step is not None]
    if factor == 1 and not steps:
        return image
    width, height = image.size
    if width * height <= STRIP:
        return _done(image, steps, factor)
    small: Image.Image | None = None
    for top, strip in _strips(image, factor):
        part = _done(strip, steps, factor)
        if small is None:
            small = Image.new(part.mode, (part.width, -(-height // factor)))
        small.paste(part, (0, top // factor))
    return small or image


def _done(image: Image.Image, steps: list[_Step], factor: int) -> Image.Image:
    for step in steps:
        image = step(image)
    return image if factor == 1 else image.reduce(factor)


def _strips(image: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    """The still in strips whose heights are multiples of `factor`, each with the row that it starts at."""
    width, height = image.size
    rows = max(1, STRIP // width // factor) * factor
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def conversion(image: Image.Image, *, look: bool = True) -> tuple[_Step | None, str]:
    """The step that brings a loaded still, or a strip of it, into a mode that may be scaled, and that mode.

    The step is None where the still is in that mode already. Grey and CMYK stay so until they are small, and
    premultiplied colours (``RGBa``) may be scaled without fringes. With `look`, all of the alpha is read, and dropped
    where it is opaque.
    """
    key = image.info.get("transparency")
    if image.mode.startswith("I") and not isinstance(key, int):
        return _from_deep, "L"
    if image.has_transparency_data or image.mode.startswith("I"):
        return (_premultiplied, "RGBa") if not look or _shows_through(image) else (_opaque, "RGB")
    if image.mode in {"L", "RGB", "CMYK"}:
        return None, image.mode
    return (_grey, "L") if image.mode == "1" else (_colour, "RGB")


def _shows_through(image: Image.Image) -> bool:
    for _, strip in _strips(image, 1):
        lowest = _with_alpha(strip).getchannel("A").getextrema()[0]
        if isinstance(lowest, (int, float)) and lowest < OPAQUE:
            return True
    return False


def straight(image: Image.Image) -> Image.Image:
    """The loaded still with its alpha beside its colours, ``RGBA``, or ``RGB`` where it has none."""
    if image.mode.startswith("I") and not isinstance(image.info.get("transparency"), int):
        return _from_deep(image).convert("RGB")
    if image.has_transparency_data or image.mode.startswith("I"):
        return _with_alpha(image)
    return image.convert("RGB")


def _with_alpha(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image.convert("RGBA")
    grey = _from_deep(image)
    grey.putalpha(Image.fromarray(opacity(np.asarray(image), image.info["transparency"])))
    return grey.convert("RGBA")


def _premultiplied(image: Image.Image) -> Image.Image:
    return _with_alpha(image).convert("RGBa")


def _opaque(image: Image.Image) -> Image.Image:
    return _with_alpha(image).convert("RGB")


def _grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


def _colour(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(eight_bits(np.asarray(image)))


def backdrops(image: Image.Image) -> list[NDArray[np.uint8]]:
    """``uint8[H,W,3]`` of a small still: one array where it is opaque, else one over black and one over white.

    What is drawn in white on nothing shows over black only, and the other way round.
    """
    if image.mode != "RGBa":
        return [np.asarray(image.convert("RGB"))]
    premultiplied = np.asarray(image)
    black = premultiplied[..., :3]
    white = black.astype(np.uint16) + (255 - premultiplied[..., 3:])
    return [black, white.clip(0, 255).astype(np.uint8)]
