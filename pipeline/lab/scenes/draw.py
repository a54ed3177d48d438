"""Scenes are emoji pasted onto clutter, drawn in whole batches by torch. The same seed gives the same scenes.

What a scene may hold is a `Recipe`: one thing or several, scraps of other emoji under them, and wear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.clutter import backgrounds, some, uniform
from pipeline.lab.scenes.emoji import LEVELS, Atlas
from pipeline.lab.scenes.lexicon import NOTHING
from pipeline.lab.scenes.wear import LUMA, wear

MOST_THINGS = 4
TURN = math.radians(30)  # things are turned by up to this, either way
GREY_THINGS = 0.04  # the share of things without colours, on ground that keeps its own


@dataclass(frozen=True, slots=True)
class Recipe:
    """What scenes may hold. Sizes are shares of the frame's width."""

    one: float = 1.0
    """The share of scenes that show one thing; the others show `several`."""
    several: tuple[int, int] = (2, MOST_THINGS)
    """Fewest and most things of a scene that shows several."""
    sizes: tuple[float, float] = (0.35, 0.95)
    """Least and greatest size of a thing alone."""
    small: float = 0.0
    """The share of things alone that are smaller: from `SMALLEST` to ``sizes[0]``."""
    scraps: float = 0.0
    """The share of scenes that get a piece of another emoji under the things, in each of two rounds."""
    worn: bool = False
    """Whether pictures are blurred, grained, greyed and squeezed at times."""


SMALLEST = 0.18
AMONG_SIZES = (0.3, 0.52)  # sizes of things that share a scene: four at most fit beside each other

TRAINING = Recipe(one=0.7, small=0.12, scraps=0.2, worn=True)
ALONE = Recipe()
AMONG = Recipe(one=0.0, several=(3, 4))
"""One thing among two or three others."""


@dataclass(frozen=True, slots=True)
class Scenes:
    """A batch of scenes and what they show."""

    pixels: Tensor
    """``float32[B,3,S,S]`` in [0,1]."""
    shown: Tensor
    """``int64[B,MOST_THINGS]``: indices into the lexicon, the main thing first, then `NOTHING`."""


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
        return Placement(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def scene_seed(seed: int, step: int) -> int:
    """A generator seed for one batch of one run: a 63-bit mix (SplitMix64), so that nearby runs share no batch."""
    mixed = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & (2**64 - 1)
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (mixed ^ (mixed >> 31)) >> 1


def generator_of(seed: int, step: int) -> torch.Generator:
    """The generator that draws one batch of one run; it depends on nothing else."""
    return torch.Generator().manual_seed(scene_seed(seed, step))


def draw_scenes(
    atlas: Atlas,
    batch: int,
    size: int,
    seed: int,
    step: int = 0,
    *,
    recipe: Recipe = TRAINING,
    first: Tensor | None = None,
) -> Scenes:
    """Batch ``step`` of the scenes of ``seed``, at ``size`` pixels.

    ``first: int64[batch]`` names the main things (`NOTHING` for a scene without any); by default they are drawn
    without replacement (as far as the lexicon reaches), so that a contrastive batch holds no main thing twice.
    """
    generator = generator_of(seed, step)
    shown = choose_things(atlas.count, batch, generator, recipe, first)
    pixels = backgrounds(generator, batch, size)
    for _ in range(2 if recipe.scraps else 0):
        _paste_scraps(pixels, atlas, generator, recipe.scraps)
    paste_things(pixels, atlas, generator, shown, recipe)
    pixels = wear(pixels, generator) if recipe.worn else pixels.clamp_(0, 1)
    return Scenes(pixels, shown)


def choose_things(
    things: int, batch: int, generator: torch.Generator, recipe: Recipe, first: Tensor | None
) -> Tensor:
    """``int64[B,MOST_THINGS]``: what each scene shows; ``things`` is the size of the lexicon."""
    drawn = torch.cat([torch.randperm(things, generator=generator) for _ in range(-(-batch // things))])
    others = torch.randint(things, (batch, MOST_THINGS), generator=generator)
    fewest, most = recipe.several
    count = torch.randint(fewest, most + 1, (batch,), generator=generator)
    count[torch.rand(batch, generator=generator) < recipe.one] = 1
    shown = others.where(torch.arange(MOST_THINGS) < count.unsqueeze(1), NOTHING)
    shown[:, 0] = drawn[:batch] if first is None else first
    shown[shown[:, 0] == NOTHING] = NOTHING
    return shown


def _paste_scraps(canvas: Tensor, atlas: Atlas, generator: torch.Generator, share: float) -> None:
    """Paste one piece of another emoji, often cut by the border, into ``share`` of the scenes."""
    batch = canvas.shape[0]
    centre = uniform(generator, -1.15, 1.15, batch, 2)
    size = uniform(generator, 0.15, 0.7, batch)
    sprite = torch.randint(atlas.count, (batch,), generator=generator)
    placement = random_placement(generator, sprite, centre, size, turn=math.pi)
    chosen = some(generator, batch, share)
    canvas[chosen] = paste(canvas[chosen], atlas, placement.rows(chosen))


def paste_things(
    canvas: Tensor, atlas: Atlas, generator: torch.Generator, shown: Tensor, recipe: Recipe
) -> Placement:
    """Paste a thing alone anywhere, and several each into a corner of its own, the main thing on top.

    Returns where the main things were pasted.
    """
    batch = canvas.shape[0]
    alone = shown[:, 1] == NOTHING
    big = uniform(generator, *recipe.sizes, batch)
    little = uniform(generator, SMALLEST, recipe.sizes[0], batch)
    size = little.where(torch.rand(batch, generator=generator) < recipe.small, big)
    anywhere = uniform(generator, -1, 1, batch, 2)
    corners = _corners(generator, batch)
    for rank in reversed(range(MOST_THINGS)):
        shared = uniform(generator, *AMONG_SIZES, batch)
        jitter = uniform(generator, -0.12, 0.12, batch, 2)
        own = size.where(alone, shared)
        centre = anywhere.where(alone.unsqueeze(1), corners[:, rank] + jitter) * (1.06 - own).unsqueeze(1)
        placement = random_placement(generator, shown[:, rank], centre, own, turn=TURN)
        chosen = (shown[:, rank] != NOTHING).nonzero().flatten()
        canvas[chosen] = paste(canvas[chosen], atlas, placement.rows(chosen))
    return placement


def _corners(generator: torch.Generator, batch: int) -> Tensor:
    """``float32[B,4,2]``: the four corners of the frame, in another random order for each scene."""
    corners = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return corners[torch.rand(batch, MOST_THINGS, generator=generator).argsort(1)]


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
    return Placement(sprite, centre, size, (shear @ turned) / stretch.unsqueeze(2), _colour(generator, batch))


def _colour(generator: torch.Generator, batch: int) -> Tensor:
    """``float32[B,3,4]``: hue, saturation, contrast and brightness as one affine map of RGB.

    The hue turns about the grey axis (Rodrigues' formula), and only a little: a green heart should stay green.
    """
    luma = torch.tensor(LUMA).repeat(3, 1)
    axis = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    angle = (torch.randn(batch, generator=generator) * 0.15).view(-1, 1, 1)
    hue = axis + angle.cos() * (torch.eye(3) - axis) + angle.sin() * cross
    saturation = uniform(generator, 0.6, 1.3, batch)
    saturation[torch.rand(batch, generator=generator) < GREY_THINGS] = 0
    saturation = saturation.view(-1, 1, 1)
    contrast = uniform(generator, 0.65, 1.25, batch).view(-1, 1, 1)
    shift = uniform(generator, -0.18, 0.18, batch).view(-1, 1, 1) + (1 - contrast) * 0.5
    matrix = (luma + saturation * (torch.eye(3) - luma)) @ hue * contrast
    return torch.cat([matrix, shift.expand(-1, 3, 1)], dim=2)


def paste(canvas: Tensor, atlas: Atlas, placement: Placement) -> Tensor:
    """``float32[B,3,S,S]``: ``canvas`` with one sprite over each scene (Porter-Duff "over", premultiplied)."""
    sprites = sampled(atlas, placement, canvas.shape[-1])
    alpha = sprites[:, 3:]
    flat = sprites[:, :3].flatten(2)
    matrix, shift = placement.colour[:, :, :3], placement.colour[:, :, 3:]
    rgb = torch.baddbmm(shift * alpha.flatten(2), matrix, flat).view_as(canvas)
    rgb = torch.minimum(rgb.clamp_min_(0), alpha)
    return canvas * (1 - alpha) + rgb


def sampled(atlas: Atlas, placement: Placement, size: int) -> Tensor:
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
