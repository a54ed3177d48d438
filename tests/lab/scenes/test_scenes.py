"""Scenes are a function of (seed, step): the same at every size, and different for every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import interpolate

from pipeline.lab.scenes.draw import choose_things, draw_scenes, generator_of, scene_seed
from pipeline.lab.scenes.emoji import LEVELS, SYMBOLA_PATHS, Atlas, FontError, find_font, open_font
from pipeline.lab.scenes.lexicon import NOTHING, index_of, load_lexicon
from pipeline.lab.scenes.recipes import ALONE, AMONG, TRAINING, Recipe


def test_same_seed_same_scenes(atlas: Atlas) -> None:
    one, two = (draw_scenes(atlas, 8, 64, seed=3, step=5) for _ in range(2))
    assert torch.equal(one.pixels, two.pixels)
    assert one.shown.tolist() == two.shown.tolist()


@pytest.mark.parametrize(("seed", "step"), [(3, 6), (4, 5)])
def test_another_seed_or_step_is_another_batch(atlas: Atlas, seed: int, step: int) -> None:
    one, two = draw_scenes(atlas, 8, 64, 3, 5), draw_scenes(atlas, 8, 64, seed, step)
    assert one.shown.tolist() != two.shown.tolist()
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


def test_a_batch_holds_no_main_thing_twice_as_far_as_the_lexicon_reaches(atlas: Atlas) -> None:
    for batch, most in ((512, 1), (atlas.count + 10, 2)):
        things = choose_things(atlas.count, batch, generator_of(2, 0), TRAINING, None)[:, 0].tolist()
        assert Counter(things).most_common(1)[0][1] == most


@pytest.mark.parametrize(
    ("recipe", "fewest", "most", "one"), [(TRAINING, 1, 4, 0.7), (ALONE, 1, 1, 1.0), (AMONG, 3, 4, 0.0)]
)
def test_scenes_show_as_many_things_as_their_recipe_says(recipe: Recipe, fewest: int, most: int, one: float) -> None:
    shown = choose_things(1354, 2000, generator_of(1, 0), recipe, None)
    counts = (shown != NOTHING).sum(1)
    assert (int(counts.min()), int(counts.max())) == (fewest, most)
    assert abs(float((counts == 1).float().mean()) - one) < 0.04
    filled = shown != NOTHING
    assert (filled[:, 1:] <= filled[:, :-1]).all(), "what is not there comes last"


def test_what_is_asked_for_is_what_is_shown(atlas: Atlas) -> None:
    """Both scenes have one background; where they differ is the thing, and it covers a good part of the frame."""
    knife, fire = (torch.tensor([index_of(name)]) for name in ("kitchen knife", "fire"))
    one, two = (draw_scenes(atlas, 1, 64, seed=4, recipe=ALONE, first=first) for first in (knife, fire))
    assert one.shown.tolist() == [[int(knife), NOTHING, NOTHING, NOTHING]]
    changed = ((one.pixels - two.pixels).abs().amax(1) > 0.05).float().mean()
    assert 0.03 < changed < 0.9


def test_every_thing_that_is_told_can_be_seen(atlas: Atlas) -> None:
    """Each leaves a mark: without its sprite the picture is another one, by more than a few pixels."""
    scenes = draw_scenes(atlas, 12, 64, seed=8, recipe=AMONG)
    for row, shown in enumerate(scenes.shown.tolist()):
        for index in {*shown} - {NOTHING}:
            blank = [level.clone() for level in atlas.levels]
            for level in blank:
                level[index] = 0
            without = draw_scenes(Atlas(tuple(blank)), 12, 64, seed=8, recipe=AMONG).pixels[row]
            assert ((scenes.pixels[row] - without).abs().amax(0) > 0.02).float().mean() > 0.004


def test_a_scene_of_nothing_is_clutter(atlas: Atlas) -> None:
    nothing = torch.tensor([NOTHING, index_of("dog")])
    scenes = draw_scenes(atlas, 2, 32, seed=1, recipe=AMONG, first=nothing)
    assert scenes.shown[0].tolist() == [NOTHING] * 4
    assert int(scenes.shown[1, 0]) == index_of("dog")


def test_sizes_are_within_their_bounds_and_things_within_the_frame(atlas: Atlas) -> None:
    """A plain square in place of every emoji, on its size: what it covers, turned and stretched, grows with it."""
    square = Atlas(tuple(torch.full_like(level, 255) for level in atlas.levels))
    empty = torch.full((64,), NOTHING)
    first = torch.zeros(64, dtype=torch.int64)
    covered = []
    for sizes in ((0.35, 0.4), (0.6, 0.65), (0.9, 0.95)):
        recipe = replace(ALONE, sizes=sizes)
        with_it, without = (draw_scenes(square, 64, 48, 3, recipe=recipe, first=each) for each in (first, empty))
        share = ((with_it.pixels - without.pixels).abs().amax(1) > 0.01).float().mean((1, 2))
        covered.append(float(share.mean()))
    assert covered == pytest.approx([0.375**2, 0.625**2, 0.925**2], rel=0.25)


def test_training_scenes_are_worn_and_scenes_alone_are_not(atlas: Atlas) -> None:
    first = torch.zeros(200, dtype=torch.int64)
    worn, clean = (
        draw_scenes(atlas, 200, 32, 5, recipe=Recipe(worn=worn), first=first).pixels for worn in (True, False)
    )
    grey = [(pixels.amax(1) - pixels.amin(1)).flatten(1).amax(1) < 0.02 for pixels in (worn, clean)]
    assert 0.02 < float(grey[0].float().mean()) < 0.15
    assert not grey[1].any()
    assert (worn - clean).abs().mean() > 0.03


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


@pytest.mark.skipif(not SYMBOLA_PATHS[0].is_file(), reason="Debian's fonts-symbola is not installed")
def test_a_font_of_outlines_is_no_emoji_font_to_train_on() -> None:
    """It takes any size, and draws a box for whatever it lacks."""
    with pytest.raises(FontError, match=r"draws no emoji in colours\): use NotoColorEmoji\.ttf"):
        open_font(SYMBOLA_PATHS[0])
