"""Hands are mixed by their shares, and what one lacks the others draw."""

from __future__ import annotations

from collections import Counter

import torch

from pipeline.lab.hands.folder import Hand
from pipeline.lab.hands.mixed import COLUMNS, OWN_SHARE, mixed
from pipeline.lab.scenes.draw import draw_scenes, generator_of
from pipeline.lab.scenes.emoji import LEVELS, Atlas
from pipeline.lab.scenes.recipes import ALONE

THINGS = 6


def of(shade: int) -> Atlas:
    return Atlas(tuple(torch.full((THINGS, 4, size, size), shade, dtype=torch.uint8) for size in LEVELS))


def hand(shade: int, *things: int) -> Hand:
    return Hand(str(shade), of(shade), things, ())


def shares(atlas: Atlas, thing: int) -> Counter[int]:
    drawn = atlas.drawn(torch.full((3000,), thing), generator_of(1, 2))
    return Counter(atlas.levels[-1][drawn, 0, 0, 0].tolist())


def test_without_hands_the_sprites_are_the_fonts_own() -> None:
    own = of(9)
    assert mixed(own, []) is own
    assert own.drawn(torch.arange(3), generator_of(1, 2)).tolist() == [0, 1, 2]


def test_a_share_is_drawn_by_the_font_and_the_rest_by_those_that_have_the_thing() -> None:
    atlas = mixed(of(1), [hand(2, 0, 1), hand(3, 0)])
    assert atlas.count == THINGS
    both, one, none = (shares(atlas, thing) for thing in (0, 1, 2))
    own = 3000 * OWN_SHARE
    assert all(own - 100 < each[1] < own + 100 for each in (both, one))
    assert all(650 < both[shade] < 1100 for shade in (2, 3)), "seven columns do not part evenly in two"
    assert set(one) == {1, 2}
    assert set(none) == {1}
    assert atlas.drawings is not None
    assert atlas.drawings.shape == (THINGS, COLUMNS)


def test_scenes_are_drawn_from_every_hand() -> None:
    atlas = mixed(of(40), [hand(240, *range(THINGS))])
    pixels = draw_scenes(atlas, 40, 32, 1, recipe=ALONE, first=torch.zeros(40, dtype=torch.int64)).pixels
    assert pixels.isfinite().all()
    assert pixels.flatten(1).mean(1).std() > 0.1
