"""Shows a scene as a part of a larger picture: a screenshot with text around, a border, bars above and below."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom
from torch import Tensor

from pipeline.lab.scenes.clutter import text_pages, uniform

_SHARES = (0.5, 0.95)  # of the frame's width that the scene keeps
_PAGES = 0.5  # the share that stands on a page of text; the others have a border of one colour


def within_larger(generator: torch.Generator, scenes: Tensor) -> Tensor:
    """The scenes, ``float32[B,3,S,S]`` in [0,1], each smaller on ground of its own, anywhere on it."""
    batch, size = len(scenes), scenes.shape[-1]
    share = uniform(generator, *_SHARES, batch)
    centre = uniform(generator, -1, 1, batch, 2) * (1 - share).unsqueeze(1)
    centred = torch.rand(batch, generator=generator) < 0.5  # noqa: PLR2004 - an even chance
    centre[centred] = 0
    inverse = torch.eye(2) / share.view(-1, 1, 1)
    theta = torch.cat([inverse, -centre.unsqueeze(2) / share.view(-1, 1, 1)], 2)
    grid = F.affine_grid(theta, list(scenes.shape), align_corners=False)
    inside = (grid.abs().amax(3) <= 1).unsqueeze(1)
    return F.grid_sample(scenes, grid, align_corners=False, padding_mode="border").where(
        inside, _ground(generator, batch, size)
    )


def _ground(generator: torch.Generator, batch: int, size: int) -> Tensor:
    plain = torch.rand(batch, 3, 1, 1, generator=generator)
    common = torch.rand(batch, generator=generator)
    plain[common < 0.3] = 0.0  # noqa: PLR2004 - three in ten are black, three white
    plain[common > 0.7] = 1.0  # noqa: PLR2004
    pages = (torch.rand(batch, generator=generator) < _PAGES).view(-1, 1, 1, 1)
    return text_pages(generator, batch, size).where(pages, plain)
