"""Scenes: emoji pasted onto clutter, drawn in whole batches by torch. The same seed gives the same scenes.

A scene shows one thing of 35 to 95% of the frame, turned, stretched and recoloured; scraps of other emoji lie under
it on half of the scenes, and some scenes hold a second, smaller thing that the caption names too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.clutter import backgrounds, uniform
from pipeline.lab.emoji import LEVELS, Atlas

SECOND_SHARE = 0.2  # of scenes hold a second thing
SCRAP_SHARE = 0.35  # of scenes get a scrap, drawn twice over
BLUR_SHARE = 0.2
NOISE_SHARE = 0.25
GREY_SHARE = 0.07
FLAT_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Scenes:
    """A batch of scenes and what they show."""

    pixels: Tensor
    """``float32[B,3,S,S]`` in [0,1]."""
    first: Tensor
    """``int64[B]``: the main thing of each scene, an index into the lexicon."""
    second: Tensor
    """``int64[B]``: the smaller thing, or -1."""


@dataclass(frozen=True)
class Placement:
    """Which sprites are pasted, where and how."""

    sprite: Tensor
    """``int64[B]``, an index into the lexicon."""
    centre: Tensor
    """``float32[B,2]``, x and y in frame units."""
    size: Tensor
    """``float32[B]``, a share of the frame's width."""
    matrix: Tensor
    """``float32[B,2,2]`` from frame to sprite: turn, shear and stretch."""
    colour: Tensor
    """``float32[B,3,4]``, an affine map of RGB."""

    def rows(self, chosen: Tensor) -> Placement:
        """The placements of some scenes."""
        return Placement(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def scene_seed(seed: int, step: int) -> int:
    """A generator seed for one batch of one run: a 63-bit mix (SplitMix64), so that nearby runs share no batch."""
    mixed = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & (2**64 - 1)
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (mixed ^ (mixed >> 31)) >> 1


def draw_scenes(
    atlas: Atlas,
    batch: int,
    size: int,
    seed: int,
    step: int = 0,
    *,
    first: Tensor | None = None,
    scraps: bool = True,
) -> Scenes:
    """Batch ``step`` of the scenes of ``seed``, at ``size`` pixels.

    ``first`` names the main things; by default they are drawn without replacement (as far as the lexicon reaches), so
    that a contrastive batch holds no thing twice. Scenes whose ``first`` is given show no second thing.
    """
    generator = torch.Generator().manual_seed(scene_seed(seed, step))
    drawn = torch.cat([torch.randperm(atlas.count, generator=generator) for _ in range(-(-batch // atlas.count))])
    second = torch.randint(atlas.count, (batch,), generator=generator)
    paired = torch.rand(batch, generator=generator) < SECOND_SHARE
    if first is None:
        first = drawn[:batch]
    else:
        paired = torch.zeros(batch, dtype=torch.bool)
    second = torch.where(paired & (second != first), second, -1)
    pixels = backgrounds(generator, batch, size)
    for _ in range(2 if scraps else 0):
        _paste_scraps(pixels, atlas, generator)
    _paste_things(pixels, atlas, generator, first, second)
    return Scenes(_degrade(pixels, generator), first, second)


def _paste_scraps(canvas: Tensor, atlas: Atlas, generator: torch.Generator) -> None:
    """Pieces of other emoji, mostly near the border."""
    batch = canvas.shape[0]
    centre = uniform(generator, -1.15, 1.15, batch, 2)
    size = uniform(generator, 0.15, 0.7, batch)
    sprite = torch.randint(atlas.count, (batch,), generator=generator)
    placement = _placement(generator, sprite, centre, size, turn=math.pi)
    chosen = (torch.rand(batch, generator=generator) < SCRAP_SHARE).nonzero().flatten()
    canvas[chosen] = paste(canvas[chosen], atlas, placement.rows(chosen))


def _paste_things(canvas: Tensor, atlas: Atlas, generator: torch.Generator, first: Tensor, second: Tensor) -> None:
    """The main thing, then, where there is one, a smaller one in the free corner."""
    batch = canvas.shape[0]
    paired = second >= 0
    size = uniform(generator, 0.35, 0.95, batch)
    size = torch.where(paired, size.clamp(max=0.62), size)
    centre = uniform(generator, -1, 1, batch, 2) * (1.08 - size).unsqueeze(1)
    corner = torch.randint(2, (batch, 2), generator=generator) * 2.0 - 1
    centre = torch.where(paired.unsqueeze(1), corner * (0.95 - size).unsqueeze(1), centre)
    placement = _placement(generator, first, centre, size, turn=math.radians(30))
    canvas.copy_(paste(canvas, atlas, placement))
    small = uniform(generator, 0.25, 0.38, batch)
    away = -corner * (0.95 - small).unsqueeze(1)
    placement = _placement(generator, second, away, small, turn=math.radians(30))
    chosen = paired.nonzero().flatten()
    canvas[chosen] = paste(canvas[chosen], atlas, placement.rows(chosen))


def _placement(generator: torch.Generator, sprite: Tensor, centre: Tensor, size: Tensor, turn: float) -> Placement:
    """Random angle (up to ``turn`` radians either way), stretch, shear and colours."""
    batch = sprite.shape[0]
    angle = uniform(generator, -turn, turn, batch)
    cos, sin = angle.cos(), angle.sin()
    turned = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], 1)
    stretch = uniform(generator, 0.88, 1.14, batch, 2)
    shear = torch.eye(2).repeat(batch, 1, 1)
    shear[:, 0, 1] = uniform(generator, -0.12, 0.12, batch)
    return Placement(sprite, centre, size, (shear @ turned) / stretch.unsqueeze(2), _colour(generator, batch))


def _colour(generator: torch.Generator, batch: int) -> Tensor:
    """``float32[B,3,4]``: hue, saturation, contrast and brightness as one affine map of RGB.

    The hue turns about the grey axis (Rodrigues' formula), by little: a green heart should stay one.
    """
    luma = torch.tensor(FLAT_GREY).repeat(3, 1)
    axis = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    angle = (torch.randn(batch, generator=generator) * 0.15).view(-1, 1, 1)
    hue = axis + angle.cos() * (torch.eye(3) - axis) + angle.sin() * cross
    saturation = uniform(generator, 0.6, 1.3, batch)
    saturation[torch.rand(batch, generator=generator) < GREY_SHARE] = 0
    saturation = saturation.view(-1, 1, 1)
    contrast = uniform(generator, 0.65, 1.25, batch).view(-1, 1, 1)
    shift = uniform(generator, -0.18, 0.18, batch).view(-1, 1, 1) + (1 - contrast) * 0.5
    matrix = (luma + saturation * (torch.eye(3) - luma)) @ hue * contrast
    return torch.cat([matrix, shift.expand(-1, 3, 1)], dim=2)


def paste(canvas: Tensor, atlas: Atlas, placement: Placement) -> Tensor:
    """``canvas: float32[B,3,S,S]`` with one sprite over each (Porter-Duff "over", premultiplied)."""
    sprites = _sample(atlas, placement, canvas.shape[-1])
    alpha = sprites[:, 3:]
    flat = sprites[:, :3].flatten(2)
    matrix, shift = placement.colour[:, :, :3], placement.colour[:, :, 3:]
    rgb = torch.baddbmm(shift * alpha.flatten(2), matrix, flat).view_as(canvas)
    rgb = torch.minimum(rgb.clamp_min_(0), alpha)
    return canvas * (1 - alpha) + rgb


def _sample(atlas: Atlas, placement: Placement, size: int) -> Tensor:
    """``float32[B,4,size,size]``: each sprite turned and scaled into its frame, from the level that fits its size."""
    inverse = placement.matrix / placement.size.view(-1, 1, 1)
    offset = -(inverse @ placement.centre.unsqueeze(2))
    theta = torch.cat([inverse, offset], dim=2)
    edges = torch.tensor(LEVELS[1:])
    level = (placement.size.unsqueeze(1) * size <= edges).sum(1)  # the smallest level that need not be enlarged
    out = torch.zeros(len(theta), 4, size, size)
    for number, sprites in enumerate(atlas.levels):
        chosen = (level == number).nonzero().flatten()
        if len(chosen):
            grid = F.affine_grid(theta[chosen], [len(chosen), 4, size, size], align_corners=False)
            picked = sprites[placement.sprite[chosen]].float().div_(255)
            out[chosen] = F.grid_sample(picked, grid, align_corners=False)
    return out


def _degrade(canvas: Tensor, generator: torch.Generator) -> Tensor:
    """What cameras and uploads do: exposure on all scenes, blur on some, grain on some."""
    batch, _, size, _ = canvas.shape
    exposure = uniform(generator, 0.8, 1.15, batch, 1, 1, 1)
    canvas = canvas * exposure
    blurred = (torch.rand(batch, generator=generator) < BLUR_SHARE).nonzero().flatten()
    cells = 40  # what a blurred scene keeps of detail, in cells across the frame
    coarse = F.interpolate(canvas[blurred], size=(cells, cells), mode="bilinear", antialias=True)
    canvas[blurred] = F.interpolate(coarse, size=(size, size), mode="bilinear")
    amount = uniform(generator, 0.01, 0.06, batch, 1, 1, 1)
    amount[torch.rand(batch, generator=generator) >= NOISE_SHARE] = 0
    grain = torch.randn(batch, 3, 64, 64, generator=generator)
    if size != grain.shape[-1]:
        grain = F.interpolate(grain, size=(size, size), mode="bilinear")
    return canvas.addcmul_(grain, amount).clamp_(0, 1)
