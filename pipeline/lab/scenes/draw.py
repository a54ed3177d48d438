"""Scenes are emoji pasted onto clutter, drawn in whole batches by torch. The same seed gives the same scenes.

What a scene may hold is a `Recipe`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.clutter import backgrounds, some, uniform
from pipeline.lab.scenes.emoji import LEVELS, Atlas
from pipeline.lab.scenes.framed import within_larger
from pipeline.lab.scenes.lexicon import NOTHING
from pipeline.lab.scenes.placement import TURN, Placement, random_placement, varied
from pipeline.lab.scenes.recipes import AMONG_SIZES, MOST_THINGS, SMALLEST, TRAINING, Recipe
from pipeline.lab.scenes.styles import styled
from pipeline.lab.scenes.textures import textures
from pipeline.lab.scenes.wear import wear


@dataclass(frozen=True, slots=True)
class Scenes:
    """A batch of scenes and what they show."""

    pixels: Tensor
    """``float32[B,3,S,S]`` in [0,1]."""
    shown: Tensor
    """``int64[B,MOST_THINGS]``: indices into the lexicon, the main thing first, then `NOTHING`."""


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
    if recipe.textured:
        chosen = some(generator, batch, recipe.textured)
        pixels[chosen] = textures(generator, len(chosen), size)
    for _ in range(2 if recipe.scraps else 0):
        _paste_scraps(pixels, atlas, generator, recipe.scraps)
    paste_things(pixels, atlas, generator, shown, recipe)
    if recipe.framed:
        chosen = some(generator, batch, recipe.framed)
        if len(chosen):
            pixels[chosen] = within_larger(generator, pixels[chosen])
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
    things = torch.randint(atlas.count, (batch,), generator=generator)
    placement = random_placement(generator, atlas.drawn(things, generator), centre, size, turn=math.pi)
    chosen = some(generator, batch, share)
    canvas[chosen] = paste(canvas[chosen], atlas, placement.rows(chosen), generator)


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
        things = shown[:, rank]
        placement = random_placement(generator, atlas.drawn(things, generator), centre, own, turn=TURN)
        placement = varied(generator, placement, things, recipe)
        chosen = (things != NOTHING).nonzero().flatten()
        canvas[chosen] = paste(canvas[chosen], atlas, placement.rows(chosen), generator)
    return placement


def _corners(generator: torch.Generator, batch: int) -> Tensor:
    """``float32[B,4,2]``: the four corners of the frame, in another random order for each scene."""
    corners = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return corners[torch.rand(batch, MOST_THINGS, generator=generator).argsort(1)]


def paste(canvas: Tensor, atlas: Atlas, placement: Placement, generator: torch.Generator | None = None) -> Tensor:
    """``float32[B,3,S,S]``: ``canvas`` with one sprite over each scene (Porter-Duff "over", premultiplied).

    ``generator`` draws how styles are; a placement without any needs none.
    """
    sprites = sampled(atlas, placement, canvas.shape[-1], generator)
    alpha = sprites[:, 3:]
    flat = sprites[:, :3].flatten(2)
    matrix, shift = placement.colour[:, :, :3], placement.colour[:, :, 3:]
    rgb = torch.baddbmm(shift * alpha.flatten(2), matrix, flat).view_as(canvas)
    rgb = torch.minimum(rgb.clamp_min_(0), alpha)
    return canvas * (1 - alpha) + rgb


def sampled(atlas: Atlas, placement: Placement, size: int, generator: torch.Generator | None = None) -> Tensor:
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
            if generator is not None:
                picked = styled(picked, placement.style[chosen], generator)
            out[chosen] = F.grid_sample(picked, grid, align_corners=False)
    return out
