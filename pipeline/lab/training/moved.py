"""Moves, bends and recolours scenes that were shown before, so that one drawing teaches more than once.

Drawing a scene costs a third of what learning from it costs; this costs a tenth.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.clutter import uniform

ZOOM = (0.83, 1.2)
TURN = 0.2  # radians either way
SHIFT = 0.07  # of half the frame, either way
STRETCH = (0.9, 1.1)
BEND = 0.03  # of half the frame, the spread of a coarse field of shifts
FIELD = 4
GREYED = 0.08  # the share of images that lose their colours
BLEND = 0.06  # the spread of what a channel takes from another
GAIN = (0.85, 1.15)
OFFSET = 0.15


def moved(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """``float32[B,3,S,S]``, normalised: each a little zoomed, turned, shifted, stretched, bent and recoloured.

    Nothing is turned so far that it would point elsewhere, and nothing mirrored.
    """
    count = len(pixels)
    grid = F.affine_grid(_places(count, generator), list(pixels.shape), align_corners=False)
    field = torch.randn(count, 2, FIELD, FIELD, generator=generator) * BEND
    grid = grid + F.interpolate(field, size=pixels.shape[-2:], mode="bicubic").movedim(1, -1)
    seen = F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    return _recoloured(seen, generator)


def _places(count: int, generator: torch.Generator) -> Tensor:
    """``float32[B,2,3]``: from the frame that is seen to that which was drawn."""
    zoom, stretch = uniform(generator, *ZOOM, count), uniform(generator, *STRETCH, count)
    turn = uniform(generator, -TURN, TURN, count)
    sideways, upwards = stretch / zoom, 1 / (stretch * zoom)
    matrix = torch.stack([turn.cos() * sideways, -turn.sin() * upwards, turn.sin() * sideways, turn.cos() * upwards])
    shift = uniform(generator, -SHIFT, SHIFT, count, 2, 1)
    return torch.cat([matrix.T.view(count, 2, 2), shift], dim=2)


def _recoloured(pixels: Tensor, generator: torch.Generator) -> Tensor:
    count, low, high = len(pixels), pixels.amin(), pixels.amax()
    blend = torch.eye(3) + torch.randn(count, 3, 3, generator=generator) * BLEND
    grey = torch.rand(count, 1, 1, generator=generator) < GREYED
    blend = torch.where(grey, torch.full((3, 3), 1 / 3), blend * uniform(generator, *GAIN, count, 3, 1))
    coloured = (blend @ pixels.flatten(2)).view_as(pixels)
    return (coloured + uniform(generator, -OFFSET, OFFSET, count, 1, 1, 1)).clamp(low, high)
