"""Scenes are a function of (seed, step): the same at every size, and different for every step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import interpolate

from pipeline.lab.emoji import LEVELS, Atlas, FontError, find_font, open_font
from pipeline.lab.lexicon import index_of, load_lexicon
from pipeline.lab.scenes import draw_scenes, scene_seed


def test_same_seed_same_scenes(atlas: Atlas) -> None:
    one, two = (draw_scenes(atlas, 8, 64, seed=3, step=5) for _ in range(2))
    assert torch.equal(one.pixels, two.pixels)
    assert one.first.tolist() == two.first.tolist()
    assert one.second.tolist() == two.second.tolist()


@pytest.mark.parametrize(("seed", "step"), [(3, 6), (4, 5)])
def test_another_seed_or_step_is_another_batch(atlas: Atlas, seed: int, step: int) -> None:
    one, two = draw_scenes(atlas, 8, 64, 3, 5), draw_scenes(atlas, 8, 64, seed, step)
    assert one.first.tolist() != two.first.tolist()
    assert (one.pixels - two.pixels).abs().mean() > 0.1


def test_nearby_seeds_and_steps_never_meet() -> None:
    """seed 1, step 0 must not be seed 0, step 1: runs would share batches."""
    seeds = [scene_seed(seed, step) for seed in range(40) for step in range(40)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("size", [48, 64, 160])
def test_pixels_are_floats_from_0_to_1_of_the_size_asked_for(atlas: Atlas, size: int) -> None:
    scenes = draw_scenes(atlas, 4, size, seed=1)
    assert scenes.pixels.shape == (4, 3, size, size)
    assert scenes.pixels.dtype == torch.float32
    assert scenes.pixels.min() >= 0
    assert scenes.pixels.max() <= 1


def test_a_scene_drawn_larger_is_the_same_scene(atlas: Atlas) -> None:
    small = draw_scenes(atlas, 16, 64, seed=9).pixels
    large = draw_scenes(atlas, 16, 192, seed=9).pixels
    shrunk = interpolate(large, size=64, mode="bilinear", antialias=True)
    assert (small - shrunk).abs().mean() < 0.02


def test_a_batch_holds_no_main_thing_twice(atlas: Atlas) -> None:
    first = draw_scenes(atlas, 512, 16, seed=2).first
    assert len(set(first.tolist())) == 512


def test_a_second_thing_is_on_about_a_fifth_and_never_the_first_again(atlas: Atlas) -> None:
    scenes = draw_scenes(atlas, 1024, 16, seed=2)
    paired = scenes.second >= 0
    assert 0.15 < paired.float().mean() < 0.25
    assert not (scenes.second == scenes.first).any()


def test_what_is_asked_for_is_what_is_shown(atlas: Atlas) -> None:
    """Both scenes have one background; where they differ is the thing, and it covers a good part of the frame."""
    knife, fire = (torch.tensor([index_of(name)]) for name in ("kitchen knife", "fire"))
    one, two = (draw_scenes(atlas, 1, 64, seed=4, first=first) for first in (knife, fire))
    assert one.first.tolist() == knife.tolist()
    assert one.second.tolist() == [-1]
    changed = ((one.pixels - two.pixels).abs().amax(1) > 0.05).float().mean()
    assert 0.03 < changed < 0.9


def test_the_atlas_holds_every_emoji_premultiplied_at_every_level(atlas: Atlas) -> None:
    assert atlas.count == len(load_lexicon()) > 1300
    for level, size in zip(atlas.levels, LEVELS, strict=True):
        assert level.shape == (atlas.count, 4, size, size)
        assert level.dtype == torch.uint8
        assert (level[:, 3].flatten(1).amax(1) > 0).all()
    colours, alpha = atlas.levels[0][:, :3], atlas.levels[0][:, 3:]
    assert (colours <= alpha).all()


def test_a_missing_font_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FontError, match=r"fonts-noto-color-emoji.*--font") as error:
        find_font(tmp_path / "nothing.ttf")
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.ttf"
    path.write_bytes(b"Dear sir")
    with pytest.raises(FontError, match=r"NotoColorEmoji\.ttf"):
        open_font(path)
