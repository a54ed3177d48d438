"""Backgrounds: flat colours, gradients, blotches, stripes, discs and boxes, mixed at random.

Everything is drawn from parameters in frame units (-1 to 1 across the frame), so that one seed gives one picture at
any size.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

SHAPES = 3  # discs or boxes per scene, at most
SHAPE_SHARE = 0.5
BLOTCH_SHARE = 0.4  # of scenes get noise of a given grain
STRIPE_SHARE = 0.25
PAGE_SHARE = 0.08  # of scenes lie on something like a screenshot: lines of text on plain ground
_GRAINS = ((3, 0.5), (9, 0.3), (48, 0.15))  # cells across the frame, greatest strength


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """``float32[shape]`` uniform in [low, high)."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def some(generator: torch.Generator, batch: int, share: float) -> Tensor:
    """``int64[n]``: row numbers of about that share of a batch; an effect is drawn for these rows alone."""
    return (torch.rand(batch, generator=generator) < share).nonzero().flatten()


def frame(size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres in frame units: x ``float32[1,1,size]`` and y ``float32[1,size,1]``."""
    line = (torch.arange(size, dtype=torch.float32) * 2 + 1) / size - 1
    return line.view(1, 1, size), line.view(1, size, 1)


def backgrounds(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """``float32[batch,3,size,size]`` in [0,1]."""
    x, y = frame(size)
    canvas = _gradient(generator, batch, x, y)
    for cells, strength in _GRAINS:
        chosen = some(generator, batch, BLOTCH_SHARE)
        canvas[chosen] += _blotches(generator, len(chosen), size, cells, strength)
    for draw, share in ((_stripes, STRIPE_SHARE), *((_shape, SHAPE_SHARE),) * SHAPES):
        chosen = some(generator, batch, share)
        canvas[chosen] = draw(generator, canvas[chosen], x, y)
    pages = some(generator, batch, PAGE_SHARE)
    canvas[pages] = text_pages(generator, len(pages), size)
    return canvas.clamp_(0, 1)


def _gradient(generator: torch.Generator, batch: int, x: Tensor, y: Tensor) -> Tensor:
    """Ramps from one colour to another along a random direction; near-equal colours make it flat."""
    start = torch.rand(batch, 3, 1, 1, generator=generator)
    spread = uniform(generator, 0, 1, batch, 1, 1, 1) ** 2
    step = (torch.rand(batch, 3, 1, 1, generator=generator) - start) * spread
    angle = uniform(generator, 0, 2 * math.pi, batch, 1, 1)
    ramp = (x * angle.cos() + y * angle.sin()) * 0.5 + 0.5
    return start + step * ramp.unsqueeze(1)


def _blotches(generator: torch.Generator, batch: int, size: int, cells: int, strength: float) -> Tensor:
    """Coloured noise of one grain, of a random strength."""
    amount = uniform(generator, 0, strength, batch, 1, 1, 1)
    noise = torch.randn(batch, 3, cells, cells, generator=generator)
    return F.interpolate(noise, size=(size, size), mode="bilinear", align_corners=False) * amount


def _stripes(generator: torch.Generator, canvas: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Waves or hard stripes of a random pitch and direction."""
    batch = canvas.shape[0]
    angle = uniform(generator, 0, math.pi, batch, 1, 1)
    pitch = uniform(generator, 4, 30, batch, 1, 1)
    sharp = uniform(generator, 1, 8, batch, 1, 1)
    amount = uniform(generator, 0, 0.5, batch, 1, 1, 1)
    colour = torch.rand(batch, 3, 1, 1, generator=generator)
    wave = ((x * angle.cos() + y * angle.sin()) * pitch).sin().mul(sharp).sigmoid().unsqueeze(1)
    return canvas + (colour - canvas) * (wave * amount)


def _shape(generator: torch.Generator, canvas: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """A disc, or a turned box, of a random colour."""
    batch = canvas.shape[0]
    cx, cy = uniform(generator, -1, 1, 2, batch, 1, 1).unbind()
    wide, high = uniform(generator, 0.1, 0.7, 2, batch, 1, 1).unbind()
    angle = uniform(generator, 0, math.pi, batch, 1, 1)
    opacity = uniform(generator, 0, 1, batch, 1, 1)
    colour = torch.rand(batch, 3, 1, 1, generator=generator)
    round_ = torch.rand(batch, 1, 1, generator=generator) < 0.5  # noqa: PLR2004 - an even chance
    u = (x - cx) * angle.cos() + (y - cy) * angle.sin()
    v = (y - cy) * angle.cos() - (x - cx) * angle.sin()
    disc = 1 - (u**2 + v**2).sqrt() / wide
    box = torch.minimum(1 - u.abs() / wide, 1 - v.abs() / high)
    # Edges a pixel or two wide at 64 px: the sigmoid's slope stands in for antialiasing.
    cover = (torch.where(round_, disc, box) * 20).sigmoid() * opacity
    return canvas + (colour - canvas) * cover.unsqueeze(1)


def text_pages(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Plain ground, mostly light, with lines of word-like marks: what a screenshot or a document looks like."""
    lines, letters = 15, 40  # lines of text, each with a gap below it, and letters across
    ground = 1 - uniform(generator, 0, 1, batch, 3, 1, 1) ** 4
    ink = uniform(generator, 0, 0.6, batch, 3, 1, 1) * ground
    marks = (torch.rand(batch, 1, lines, letters, generator=generator) < 0.7).float()  # noqa: PLR2004 - mostly ink
    rows = torch.stack([marks, torch.zeros_like(marks)], dim=3).flatten(2, 3)
    cover = F.interpolate(rows, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return ground + (ink - ground) * cover * 0.8
