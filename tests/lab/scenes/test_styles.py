"""Things drawn in other styles and poses, on other ground and within larger pictures, are still what captions say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipeline.lab.scenes.draw import draw_scenes, generator_of
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.framed import within_larger
from pipeline.lab.scenes.lexicon import NOTHING, index_of
from pipeline.lab.scenes.poses import coloured, directed, poses
from pipeline.lab.scenes.recipes import ALONE, IN_ANY_HAND
from pipeline.lab.scenes.styles import STYLES, Style, line_drawing, styled
from pipeline.lab.scenes.textures import textures


@pytest.fixture(scope="module")
def sprites(atlas: Atlas) -> torch.Tensor:
    return atlas.levels[1][100:140].float() / 255


@pytest.mark.parametrize("style", dict.fromkeys(STYLES), ids=lambda style: style.__name__)
def test_a_style_keeps_the_shape_and_stays_premultiplied(style: Style, sprites: torch.Tensor) -> None:
    drawn = style(sprites.clone(), generator_of(1, 1))
    assert drawn.shape == sprites.shape
    assert 0 <= drawn.min() <= drawn.max() <= 1 + 1e-6
    assert (drawn[:, :3] <= drawn[:, 3:] + 1e-5).all()
    assert not torch.equal(drawn, sprites)
    for sprite, own in zip(drawn[:, 3] > 0.5, sprites[:, 3] > 0.02, strict=True):
        grown = torch.nn.functional.max_pool2d(own[None, None].float(), 9, 1, 4)[0, 0] > 0
        assert (grown | ~sprite).all(), "it draws where the sprite is, and a line's width around"


def test_a_line_drawing_has_no_colour_but_its_ink(sprites: torch.Tensor) -> None:
    drawn = line_drawing(sprites.clone(), generator_of(1, 2))
    solid = drawn[:, :, drawn.shape[2] // 2]
    spread = (solid[:, :3].amax(1) - solid[:, :3].amin(1)).max()
    assert spread <= 0.26, "ink is at most half of a quarter bright"


def test_sprites_without_a_style_and_tiny_ones_stay_as_they_are(sprites: torch.Tensor, atlas: Atlas) -> None:
    none = torch.full((len(sprites),), -1)
    assert torch.equal(styled(sprites.clone(), none, generator_of(1, 1)), sprites)
    tiny = atlas.levels[-1][:4].float() / 255
    assert torch.equal(styled(tiny.clone(), torch.ones(4, dtype=torch.int64), generator_of(1, 1)), tiny)


@pytest.mark.parametrize("name", ["right arrow", "backhand index pointing left", "three o'clock", "fast up button"])
def test_what_points_is_never_turned_or_mirrored(name: str) -> None:
    things = torch.full((50,), index_of(name))
    assert directed()[things].all()
    assert torch.equal(poses(generator_of(1, 1), things, 1.0, 1.0), torch.eye(2).repeat(50, 1, 1))


def test_other_things_are_mirrored_and_turned_by_quarters() -> None:
    things = torch.full((400,), index_of("kitchen knife"))
    pose = poses(generator_of(1, 1), things, 0.5, 0.5)
    assert (pose.abs().sum((1, 2)) == 2).all(), "every entry is 0, 1 or -1"
    seen = {tuple(map(float, each.flatten())) for each in pose.round()}
    assert seen >= {(1, 0, 0, 1), (-1, 0, 0, 1), (-1, 0, 0, -1)}
    mirrored = (torch.linalg.det(pose) < 0).float().mean()
    assert 0.4 < mirrored < 0.6


@pytest.mark.parametrize(("name", "expected"), [("green heart", True), ("blue circle", True), ("dog", False)])
def test_what_a_colour_tells_from_others_keeps_its_hue(name: str, expected: bool) -> None:
    assert bool(coloured()[index_of(name)]) is expected


@pytest.mark.parametrize("batch", [0, 1, 3, 9])
def test_ground_as_photographs_have_it_is_made_for_any_number(batch: int) -> None:
    made = textures(generator_of(1, 1), batch, 24)
    assert made.shape == (batch, 3, 24, 24)
    assert made.isfinite().all()
    assert batch == 0 or 0 <= made.min() <= made.max() <= 1


def test_a_picture_within_a_larger_one_is_all_there() -> None:
    """It is of one colour, which then fills the square of its share of the frame and nothing else."""
    scenes = torch.full((60, 3, 40, 40), 0.37)
    shown = ((within_larger(generator_of(1, 1), scenes) - 0.37).abs().amax(1) < 1e-4).float().mean((1, 2))
    assert 0.2 < shown.min() < 0.35
    assert 0.8 < shown.max() <= 1


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_every_part_of_the_recipe_may_fall_on_no_scene(atlas: Atlas, batch: int) -> None:
    for step in range(12):
        assert draw_scenes(atlas, batch, 24, 7, step, recipe=IN_ANY_HAND).pixels.isfinite().all()
    empty = draw_scenes(atlas, batch, 24, 7, recipe=IN_ANY_HAND, first=torch.full((batch,), NOTHING))
    assert (empty.shown == NOTHING).all()


def test_a_recipe_without_them_draws_the_scenes_that_it_always_drew(atlas: Atlas) -> None:
    """Figures on cards, samples and tests rest on such scenes."""
    plain = draw_scenes(atlas, 4, 32, 5, recipe=ALONE).pixels
    asked = draw_scenes(atlas, 4, 32, 5, recipe=replace(ALONE, styled=1.0)).pixels
    assert not torch.equal(plain, asked)
    assert torch.equal(plain, draw_scenes(atlas, 4, 32, 5, recipe=replace(ALONE, small=0.0)).pixels)
