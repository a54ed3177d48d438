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
_FINE = 48  # cells across the frame of the finest noise


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """``float32[shape]`` uniform in [low, high)."""
    return torch.rand(*shape, generator=generator) * (high - low) + low


def frame(size: int) -> tuple[Tensor, Tensor]:
    """Pixel centres in frame units: x ``float32[1,1,size]`` and y ``float32[1,size,1]``."""
    line = (torch.arange(size, dtype=torch.float32) * 2 + 1) / size - 1
    return line.view(1, 1, size), line.view(1, size, 1)


def backgrounds(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """``float32[batch,3,size,size]`` in [0,1]."""
    x, y = frame(size)
    canvas = _gradient(generator, batch, x, y)
    canvas = canvas + _blotches(generator, batch, size)
    canvas = _stripes(generator, canvas, x, y)
    for _ in range(SHAPES):
        canvas = _shape(generator, canvas, x, y)
    return canvas.clamp_(0, 1)


def _gradient(generator: torch.Generator, batch: int, x: Tensor, y: Tensor) -> Tensor:
    """From one colour to another along a random direction; near-equal colours make it flat."""
    start = torch.rand(batch, 3, 1, 1, generator=generator)
    spread = uniform(generator, 0, 1, batch, 1, 1, 1) ** 2
    step = (torch.rand(batch, 3, 1, 1, generator=generator) - start) * spread
    angle = uniform(generator, 0, 2 * math.pi, batch, 1, 1)
    ramp = (x * angle.cos() + y * angle.sin()) * 0.5 + 0.5
    return start + step * ramp.unsqueeze(1)


def _blotches(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Coloured noise of three grains, each of a random strength and often none."""
    total = torch.zeros(batch, 3, size, size)
    for cells, strength in ((3, 0.5), (9, 0.3), (_FINE, 0.15)):
        amount = (uniform(generator, -1, 1, batch, 1, 1, 1).clamp_min(0)) * strength
        noise = torch.randn(batch, 3, cells, cells, generator=generator)
        total += F.interpolate(noise, size=(size, size), mode="bilinear", align_corners=False) * amount
    return total


def _stripes(generator: torch.Generator, canvas: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Waves or hard stripes of a random pitch and direction, on about a quarter of the scenes."""
    batch = canvas.shape[0]
    angle = uniform(generator, 0, math.pi, batch, 1, 1)
    pitch = uniform(generator, 4, 30, batch, 1, 1)
    sharp = uniform(generator, 1, 8, batch, 1, 1)
    amount = (uniform(generator, -3, 1, batch, 1, 1).clamp_min(0) * 0.5).unsqueeze(1)
    colour = torch.rand(batch, 3, 1, 1, generator=generator)
    wave = ((x * angle.cos() + y * angle.sin()) * pitch).sin().mul(sharp).sigmoid().unsqueeze(1)
    return canvas + (colour - canvas) * (wave * amount)


def _shape(generator: torch.Generator, canvas: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """A disc, or a turned box, of a random colour; on half of the scenes."""
    batch = canvas.shape[0]
    cx, cy = uniform(generator, -1, 1, 2, batch, 1, 1).unbind()
    wide, high = uniform(generator, 0.1, 0.7, 2, batch, 1, 1).unbind()
    angle = uniform(generator, 0, math.pi, batch, 1, 1)
    opacity = uniform(generator, -1, 1, batch, 1, 1).clamp_min(0)
    colour = torch.rand(batch, 3, 1, 1, generator=generator)
    round_ = torch.rand(batch, 1, 1, generator=generator) < 0.5  # noqa: PLR2004 - an even chance
    u = (x - cx) * angle.cos() + (y - cy) * angle.sin()
    v = (y - cy) * angle.cos() - (x - cx) * angle.sin()
    disc = 1 - (u**2 + v**2).sqrt() / wide
    box = torch.minimum(1 - u.abs() / wide, 1 - v.abs() / high)
    # Edges a pixel or two wide at 64 px: the sigmoid's slope stands in for antialiasing.
    cover = (torch.where(round_, disc, box) * 20).sigmoid() * opacity
    return canvas + (colour - canvas) * cover.unsqueeze(1)
