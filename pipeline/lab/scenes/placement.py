"""Where sprites are pasted and how: turned, stretched and sheared, recoloured, mirrored, in other styles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.lab.scenes.clutter import some, uniform
from pipeline.lab.scenes.poses import coloured, poses
from pipeline.lab.scenes.recipes import Recipe
from pipeline.lab.scenes.styles import STYLES
from pipeline.lab.scenes.wear import LUMA

TURN = math.radians(30)  # things are turned by up to this, either way
GREY_THINGS = 0.04  # the share of things without colours, on ground that keeps its own


@dataclass(frozen=True)
class Placement:
    """Which sprites are pasted, where and how."""

    sprite: Tensor
    """``int64[B]``, a row of the atlas."""
    centre: Tensor
    """``float32[B,2]``, x and y in frame units."""
    size: Tensor
    """``float32[B]``, a share of the frame's width."""
    matrix: Tensor
    """``float32[B,2,2]`` from frame to sprite: turn, shear and stretch."""
    colour: Tensor
    """``float32[B,3,4]``, an affine map of RGB."""
    style: Tensor
    """``int64[B]``, an index into `STYLES`; below 0 the sprite is as its hand draws it."""

    def rows(self, chosen: Tensor) -> Placement:
        return Placement(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def random_placement(
    generator: torch.Generator, sprite: Tensor, centre: Tensor, size: Tensor, turn: float
) -> Placement:
    """Place sprites at these centres and sizes, turned by up to ``turn`` radians, stretched, sheared, recoloured."""
    batch = sprite.shape[0]
    angle = uniform(generator, -turn, turn, batch)
    cos, sin = angle.cos(), angle.sin()
    turned = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], 1)
    stretch = uniform(generator, 0.88, 1.14, batch, 2)
    shear = torch.eye(2).repeat(batch, 1, 1)
    shear[:, 0, 1] = uniform(generator, -0.12, 0.12, batch)
    matrix = (shear @ turned) / stretch.unsqueeze(2)
    return Placement(sprite, centre, size, matrix, _colour(generator, batch), torch.full((batch,), -1))


def varied(generator: torch.Generator, placement: Placement, things: Tensor, recipe: Recipe) -> Placement:
    """The placement of ``things`` with the recipe's shares of them mirrored, turned, recoloured, in other styles.

    A recipe that asks for none of it draws no random number here, so that its scenes stay the same.
    """
    batch = len(things)
    if recipe.mirrored or recipe.turned:
        pose = poses(generator, things, recipe.mirrored, recipe.turned)
        placement = replace(placement, matrix=pose @ placement.matrix)
    if recipe.hued or recipe.greyed:
        colour = placement.colour.clone()
        rows = some(generator, batch, recipe.hued)
        rows = rows[~coloured()[things[rows]]]
        colour[rows, :, :3] = colour[rows, :, :3] @ _hue(uniform(generator, 0, 2 * math.pi, len(rows)))
        rows = some(generator, batch, recipe.greyed)
        colour[rows, :, :3] = colour[rows, :, :3] @ torch.tensor(LUMA).repeat(3, 1)
        placement = replace(placement, colour=colour)
    if recipe.styled:
        style = torch.randint(len(STYLES), (batch,), generator=generator)
        chosen = torch.rand(batch, generator=generator) < recipe.styled
        placement = replace(placement, style=style.where(chosen, -1))
    return placement


def _colour(generator: torch.Generator, batch: int) -> Tensor:
    """``float32[B,3,4]``: hue, saturation, contrast and brightness as one affine map of RGB.

    The hue turns only a little: a green heart should stay green.
    """
    luma = torch.tensor(LUMA).repeat(3, 1)
    hue = _hue(torch.randn(batch, generator=generator) * 0.15)
    saturation = uniform(generator, 0.6, 1.3, batch)
    saturation[torch.rand(batch, generator=generator) < GREY_THINGS] = 0
    saturation = saturation.view(-1, 1, 1)
    contrast = uniform(generator, 0.65, 1.25, batch).view(-1, 1, 1)
    shift = uniform(generator, -0.18, 0.18, batch).view(-1, 1, 1) + (1 - contrast) * 0.5
    matrix = (luma + saturation * (torch.eye(3) - luma)) @ hue * contrast
    return torch.cat([matrix, shift.expand(-1, 3, 1)], dim=2)


def _hue(angle: Tensor) -> Tensor:
    """``float32[B,3,3]``: turns about the grey axis by ``angle: float32[B]`` (Rodrigues' formula)."""
    axis = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    angle = angle.view(-1, 1, 1)
    return axis + angle.cos() * (torch.eye(3) - axis) + angle.sin() * cross
