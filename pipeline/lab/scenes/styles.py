"""Draws the same sprites in other styles: flat colours, flat colours within outlines, lines alone.

A model that has met a thing in the styles of one hand only takes the style for the thing. Each function takes and
gives ``float32[B,4,L,L]`` in [0,1], RGB premultiplied by alpha, then alpha.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.clutter import uniform

LEAST_SIZE = 32
"""Pixels a side below which a line would cover the whole sprite."""
_SHADES = (2, 6)  # of a flat drawing's channels, fewest and one above the most
_LINE = 48  # a line is a sprite's width by this, at least a pixel on both sides of an edge
_LIGHT = 0.75  # what is lighter than this within lines is left white, in half of the line drawings
Style = Callable[[Tensor, torch.Generator], Tensor]


def flat(sprites: Tensor, generator: torch.Generator) -> Tensor:
    """Few colours without shading."""
    alpha = sprites[:, 3:]
    straight = F.avg_pool2d(sprites, 3, 1, 1)
    straight = straight[:, :3] / straight[:, 3:].clamp_min(1e-3)
    shades = torch.randint(*_SHADES, (len(sprites), 1, 1, 1), generator=generator)
    rgb = (straight.clamp(0, 1) * shades).round() / shades
    return torch.cat([rgb * alpha, alpha], 1)


def outlined(sprites: Tensor, generator: torch.Generator) -> Tensor:
    """Flat colours within dark lines, as colouring books and sticker sets have them; some of them pale."""
    drawn = flat(sprites, generator)
    lines = edges(drawn, generator)
    paled = uniform(generator, 0, 1, len(sprites), 1, 1, 1) ** 3  # mostly the colours as they were
    rgb = drawn[:, :3] + (drawn[:, 3:] - drawn[:, :3]) * paled
    ink = _ink(generator, len(sprites))
    return torch.cat([rgb * (1 - lines) + ink * lines, torch.maximum(drawn[:, 3:], lines)], 1)


def line_drawing(sprites: Tensor, generator: torch.Generator) -> Tensor:
    """Lines alone, on nothing or on white, in one dark colour; dark parts are filled in some."""
    lines = edges(sprites, generator)
    alpha = sprites[:, 3:]
    dark = (alpha - sprites[:, :3].mean(1, keepdim=True) > _LIGHT * alpha).float() * alpha
    filled = torch.rand(len(sprites), 1, 1, 1, generator=generator)
    lines = torch.maximum(lines, dark * (filled < 0.5))  # noqa: PLR2004 - an even chance
    paper = alpha * (torch.rand(len(sprites), 1, 1, 1, generator=generator) < 0.5)  # noqa: PLR2004
    ink = _ink(generator, len(sprites))
    return torch.cat([paper * (1 - lines) + ink * lines, torch.maximum(paper, lines)], 1)


def edges(sprites: Tensor, generator: torch.Generator) -> Tensor:
    """``float32[B,1,L,L]``: lines where colour or cover changes, of one width and sharpness for the whole batch."""
    size = sprites.shape[-1]
    thick = int(torch.randint(1, 3, (1,), generator=generator))
    width = max(3, 2 * (size * thick // (2 * _LINE)) + 1)
    low, strong = float(uniform(generator, 0.1, 0.3, 1)), float(uniform(generator, 3, 8, 1))
    spread = F.max_pool2d(sprites, width, 1, width // 2) + F.max_pool2d(-sprites, width, 1, width // 2)
    return ((spread.amax(1, keepdim=True) - low) * strong).clamp(0, 1)


def _ink(generator: torch.Generator, batch: int) -> Tensor:
    """Black mostly, or something dark."""
    return torch.rand(batch, 3, 1, 1, generator=generator) * uniform(generator, 0, 0.5, batch, 1, 1, 1) ** 2


STYLES: tuple[Style, ...] = (flat, outlined, outlined, line_drawing)
"""Each as likely as the others; outlines are the commonest hand of all, and stand twice."""


def styled(sprites: Tensor, style: Tensor, generator: torch.Generator) -> Tensor:
    """The sprites, each in its style: ``style: int64[B]``, an index into `STYLES`, below 0 as it is."""
    if sprites.shape[-1] < LEAST_SIZE:
        return sprites
    for number, draw in enumerate(STYLES):
        chosen = (style == number).nonzero().flatten()
        if len(chosen):
            sprites[chosen] = draw(sprites[chosen], generator)
    return sprites
