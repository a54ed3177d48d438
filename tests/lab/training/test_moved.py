"""Scenes that are shown again: the same things, never the same pixels, and no hard edges where nothing was drawn."""

from __future__ import annotations

import torch

from pipeline.lab.training.moved import GREYED, moved


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_same_seed_moves_alike_and_another_otherwise() -> None:
    pixels = torch.rand(8, 3, 32, 32, generator=seeded(0)) * 4 - 2
    once, again, other = moved(pixels, seeded(1)), moved(pixels, seeded(1)), moved(pixels, seeded(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert once.shape == pixels.shape
    assert once.isfinite().all()
    assert pixels.amin() <= once.amin() <= once.amax() <= pixels.amax()


def test_a_thing_stays_about_where_and_as_large_as_it_was() -> None:
    pixels = torch.full((400, 3, 40, 40), -1.0)
    pixels[:, :, 14:26, 14:26] = 1.0
    bright = moved(pixels, seeded(3)).mean(1) > 0
    size = bright.float().sum((1, 2)).sqrt()
    assert 7 < size.min() < size.max() < 18
    rows = (bright.any(2) * torch.arange(40)).sum(1) / bright.any(2).sum(1)
    assert ((rows - 19.5).abs() < 6).all()
    assert rows.std() > 0.5


def test_some_lose_their_colours_and_most_keep_them() -> None:
    pixels = torch.zeros(600, 3, 16, 16)
    pixels[:, 0] = 1.0
    after = moved(pixels, seeded(4))
    grey = (after.amax(1) - after.amin(1)).amax((1, 2)) < 1e-3
    assert GREYED / 2 < grey.float().mean() < GREYED * 2
