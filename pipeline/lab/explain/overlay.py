"""A map laid over the picture that it is of, for people."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.items import Pixels
from pipeline.lab.explain.heat import Heat, hottest
from pipeline.signals import Box
from pipeline.wire import Turned

SIDE = 512
"""Pixels of the longer side of what is drawn, at least: the line around the hottest part is one pixel wide."""
FOLDED = 2.25
"""A view whose part of the picture is that many times as long, for its shape, was folded into rows like text."""
_STOPS = np.array([(20, 11, 53), (101, 21, 110), (186, 54, 85), (240, 112, 32), (252, 227, 120)], np.float64)
"""Colours from cold to hot, of even steps in lightness (after matplotlib's "inferno")."""
_STRENGTH = 0.8
_GREYED = 0.6


def opened(picture: bytes) -> Image.Image:
    """A file of our own making as RGB, on white where it is transparent."""
    with Image.open(BytesIO(picture)) as file:
        still = file.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", still.size, "white"), still).convert("RGB")


def lies_in(box: Box, picture: tuple[int, int], view: Pixels, resize_mode: str) -> bool:
    """Whether a view of ``uint8[H,W,3]`` shows its part of the picture in one piece and without margins."""
    across, down = (box[2] - box[0]) * picture[0], (box[3] - box[1]) * picture[1]
    stretch = across * view.shape[0] / max(down * view.shape[1], 1)
    return resize_mode != "longest" and 1 / FOLDED < stretch < FOLDED


def upright(heat: Heat, how: Turned | None) -> Heat:
    """The map of a view that was turned, as a viewer sees the picture."""
    if how is None:
        return heat
    return heat[:, ::-1] if how == "mirrored" else np.rot90(heat, int(how) // 90)


def overlaid(picture: Image.Image, heat: Heat, box: Box) -> Image.Image:
    """The picture, greyed, with the map in colours where `box` says, and a white line around its hottest tenth."""
    base = _large(picture)
    laid, edge = _laid(heat, box, base.size), _edge(_laid(hottest(heat).astype(np.float64), box, base.size) >= 1 / 2)
    pixels = np.asarray(base, np.float64)
    grey = np.asarray(base.convert("L"), np.float64)[..., np.newaxis]
    pixels = pixels * (1 - _GREYED) + grey * _GREYED
    alpha = _STRENGTH * laid[..., np.newaxis]
    made = pixels * (1 - alpha) + _coloured(laid) * alpha
    made[edge] = 255
    return Image.fromarray(made.round().astype(np.uint8))


def png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _large(picture: Image.Image) -> Image.Image:
    scale = max(1.0, SIDE / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _laid(heat: Heat, box: Box, size: tuple[int, int]) -> Heat:
    """``float64[H,W]`` of a picture of that width and height: the map within the box, and nothing elsewhere."""
    left, right = (round(edge * size[0]) for edge in (box[0], box[2]))
    top, bottom = (round(edge * size[1]) for edge in (box[1], box[3]))
    width, height = max(1, right - left), max(1, bottom - top)
    scaled = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    laid = np.zeros((size[1], size[0]))
    rows, columns = laid[top : top + height, left : left + width].shape
    laid[top : top + rows, left : left + columns] = np.asarray(scaled)[:rows, :columns]
    return laid.clip(0, 1)


def _coloured(laid: Heat) -> Heat:
    at = laid * (len(_STOPS) - 1)
    return np.stack([np.interp(at, range(len(_STOPS)), stops) for stops in _STOPS.T], axis=-1)


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of a region whose neighbour is not in it."""
    padded = np.pad(inside, 1)
    kept = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside & ~kept
