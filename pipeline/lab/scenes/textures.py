"""Photograph-like ground that shows no thing: grain of wood and cloud, bricks and weaves, soft lights.

They stand for what uploads are full of and no name fits: sky, wall, cloth, skin, a blurred room.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.clutter import frame, uniform

_OCTAVES = (2, 4, 8, 16, 32)
_LIGHTS = 6


def textures(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """``float32[batch,3,size,size]`` in [0,1], each of one kind in turn."""
    kinds = (_clouds, _grain, _bricks, _lights)
    out = torch.empty(batch, 3, size, size)
    for number, kind in enumerate(kinds):
        rows = torch.arange(batch)[number :: len(kinds)]
        if len(rows):
            out[rows] = _coloured(generator, kind(generator, len(rows), size))
    return out.clamp_(0, 1)


def _coloured(generator: torch.Generator, height: Tensor) -> Tensor:
    """``height: float32[B,1,S,S]`` from 0 to 1 between two colours, with a shade across the frame."""
    batch, size = len(height), height.shape[-1]
    low, high = torch.rand(2, batch, 3, 1, 1, generator=generator)
    high = low + (high - low) * uniform(generator, 0.1, 1, batch, 1, 1, 1)
    x, y = frame(size)
    angle = uniform(generator, 0, 2 * math.pi, batch, 1, 1)
    shade = (x * angle.cos() + y * angle.sin()) * uniform(generator, 0, 0.3, batch, 1, 1)
    shaded: Tensor = (low + (high - low) * height) * (1 + shade.unsqueeze(1))
    return shaded


def _clouds(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Noise of several scales (Perlin's turbulence, by value noise), each half as strong as the one before."""
    total = torch.zeros(batch, 1, size, size)
    for octave, cells in enumerate(_OCTAVES):
        noise = torch.rand(batch, 1, cells, cells, generator=generator)
        total += F.interpolate(noise, size=(size, size), mode="bicubic", align_corners=False) * 0.5**octave
    low, high = total.amin((2, 3), keepdim=True), total.amax((2, 3), keepdim=True)
    return (total - low) / (high - low).clamp_min(1e-3)


def _grain(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Rings and streaks, as of wood, hair or water: a wave whose phase clouds bend."""
    x, y = frame(size)
    angle = uniform(generator, 0, math.pi, batch, 1, 1)
    pitch, bend = uniform(generator, 6, 40, batch, 1, 1), uniform(generator, 1, 10, batch, 1, 1, 1)
    phase = ((x * angle.cos() + y * angle.sin()) * pitch).unsqueeze(1) + _clouds(generator, batch, size) * bend
    return phase.sin() * 0.5 + 0.5


def _bricks(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Bricks, tiles or a weave: cells of a grid, each of its own shade, every other row shifted."""
    x, y = frame(size)
    wide, high = uniform(generator, 1.5, 10, batch, 1, 1), uniform(generator, 2, 14, batch, 1, 1)
    row = ((y + 1) * high).floor()
    along = (x + 1) * wide + row % 2 * uniform(generator, 0, 0.5, batch, 1, 1)
    gap = ((along % 1 < 0.06) | ((y + 1) * high % 1 < 0.09)).float()  # noqa: PLR2004 - the mortar's shares of a cell
    shade = ((along.floor() * 12.9898 + row * 78.233).sin() * 43758.5453) % 1  # a hash of the cell
    mixed = shade * uniform(generator, 0, 0.6, batch, 1, 1) + 0.3
    return (mixed * (1 - gap) + gap * uniform(generator, 0, 1, batch, 1, 1)).unsqueeze(1)


def _lights(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Soft round lights, as of a room out of focus."""
    x, y = frame(size)
    total = torch.zeros(batch, size, size)
    for _ in range(_LIGHTS):
        cx, cy = uniform(generator, -1, 1, 2, batch, 1, 1).unbind()
        wide = uniform(generator, 0.2, 1.2, batch, 1, 1)
        total += torch.exp(-((x - cx) ** 2 + (y - cy) ** 2) / wide**2) * uniform(generator, 0.1, 0.7, batch, 1, 1)
    return total.unsqueeze(1).clamp(0, 1)
