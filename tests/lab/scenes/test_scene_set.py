"""Scenes as labelled images: labels tell what is drawn, and the same seed draws the same bytes."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.scenes.draw import draw_scenes
from pipeline.lab.scenes.emoji import Atlas, FontError
from pipeline.lab.scenes.lexicon import NOTHING, index_of, load_lexicon
from pipeline.lab.scenes.scene_set import BANDS, KINDS, SCENE_SIZE, SEED, Kind, Scene, emoji_scenes, policy_scenes
from pipeline.lab.scenes.truth import ABOUT, ARGUABLE

LEXICON = load_lexicon()
NAMES = [emoji.name for emoji in LEXICON]


def picture(example: Example) -> Image.Image:
    return Image.open(BytesIO(example.read()))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_a_scene_shows_is_known_without_drawing_it(atlas: Atlas, kind: Kind) -> None:
    for number, first in enumerate([index_of("dog"), index_of("pizza"), 0, len(LEXICON) - 1, NOTHING]):
        scene = Scene(kind, SEED, number, first, (0.35, 0.5))
        drawn = draw_scenes(atlas, 1, 16, SEED, number, recipe=scene.recipe(), first=scene._first()).shown[0].tolist()
        assert scene.shown(len(LEXICON)) == [index for index in drawn if index != NOTHING]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_the_same_seed_draws_the_same_bytes(atlas: Atlas, kind: Kind) -> None:
    """In whichever order they are read."""
    one, two, other = (emoji_scenes(4, seed, kind=kind, atlas=atlas) for seed in (5, 5, 6))
    assert one.examples[3].read() == one.examples[3].read()
    assert [each.read() for each in one.examples] == [each.read() for each in reversed(two.examples)][::-1]
    assert not {each.read() for each in one.examples} & {each.read() for each in other.examples}


def test_scenes_are_jpeg_files_of_one_size(atlas: Atlas) -> None:
    for kind in KINDS:
        drawn = picture(emoji_scenes(1, kind=kind, atlas=atlas).examples[0])
        assert (drawn.format, drawn.mode, drawn.size) == ("JPEG", "RGB", (SCENE_SIZE, SCENE_SIZE))


def test_grey_scenes_are_grey_and_poor_ones_are_small(atlas: Atlas) -> None:
    plain, grey, poor = (emoji_scenes(6, kind=kind, atlas=atlas).examples for kind in ("alone", "grey", "poor-jpeg"))
    for ours, without, small in zip(plain, grey, poor, strict=True):
        colours = np.asarray(picture(without), dtype=int)
        assert np.ptp(colours, axis=2).max() <= 2
        assert without.labels == small.labels == ours.labels
        assert len(small.read()) < len(ours.read()) * 0.7


def test_every_emoji_is_the_main_thing_in_turn(atlas: Atlas) -> None:
    count = len(LEXICON)
    examples = emoji_scenes(2 * count, atlas=atlas).examples
    for half in (examples[:count], examples[count:]):
        assert Counter(example.labels for example in half) == Counter((name,) for name in NAMES)
    assert [example.labels[0] for example in examples[:50]] != NAMES[:50], "in a random order"


def test_sizes_are_even_in_all_and_for_each_emoji(atlas: Atlas) -> None:
    chosen = [index_of(name) for name in ("dog", "pizza", "house", "key")]
    examples = emoji_scenes(16, atlas=atlas, things=chosen).examples
    groups = Counter((example.labels[0], example.group) for example in examples)
    assert len(groups) == 16, "each emoji once in each band"
    assert {group for _, group in groups} == {f"{low:.0%} to {high:.0%} of the frame" for low, high in BANDS}


def test_among_others_a_scene_has_three_or_four_labels_the_main_thing_first(atlas: Atlas) -> None:
    dataset = emoji_scenes(40, kind="among", atlas=atlas)
    for example in dataset.examples:
        assert f"({example.labels[0]})" in example.name
        assert 2 <= len(example.labels) <= 4, "a thing may come twice"
        assert {*example.labels} <= {*dataset.classes}
        assert example.group is None
    assert {len(example.labels) for example in dataset.examples} >= {3, 4}


@pytest.fixture(scope="module")
def judged(atlas: Atlas) -> Dataset:
    return policy_scenes(10, 1500, atlas=atlas)


def test_each_policy_has_its_own_scenes_and_all_share_the_others(judged: Dataset) -> None:
    assert judged.classes == tuple(ABOUT)
    assert len(judged.examples) == 1500 + 10 * len(ABOUT)
    shared, own = judged.examples[:1500], judged.examples[1500:]
    assert sum("(nothing)" in example.name for example in shared) == round(1500 / 11)
    assert Counter(example.labels for example in own) == {(policy,): 10 for policy in ABOUT}
    assert len({example.name for example in judged.examples}) == len(judged.examples)


def test_a_policys_own_scenes_count_for_it_alone_and_show_each_of_its_things(judged: Dataset) -> None:
    shown: dict[str, Counter[str]] = {policy: Counter() for policy in ABOUT}
    for example in judged.examples[1500:]:
        (policy,) = example.labels
        assert {*example.ignore} == {*ABOUT} - {policy}
        shown[policy][example.name.split("(", 1)[1].removesuffix(")")] += 1
    for policy, names in ABOUT.items():
        assert {*shown[policy]} == {*names}
        assert max(shown[policy].values()) - min(shown[policy].values()) <= 1


def test_shared_scenes_are_labelled_by_the_truth_about_each_emoji(judged: Dataset) -> None:
    seen = set()
    for example in judged.examples[:1500]:
        name = example.name.split("(", 1)[1].removesuffix(")")
        seen.add(name)
        assert {*example.labels} == {policy for policy, names in ABOUT.items() if name in names}
        assert {*example.ignore} == {policy for policy, names in ARGUABLE.items() if name in names}
    assert seen == {*NAMES, "nothing"}


def test_policies_are_shown_what_a_hand_has(atlas: Atlas) -> None:
    """The first policy's things without one, none of the second's, and no scene of anything else."""
    first, second = list(ABOUT)[:2]
    things = [index_of(name) for name in (*ABOUT[first][1:], "dog")]
    dataset = policy_scenes(8, 33, atlas=atlas, things=things)
    own = [each for each in dataset.examples if each.labels == (first,) and second in each.ignore]
    assert len(own) == 8
    assert not any(second in each.labels for each in dataset.examples)
    assert not any(ABOUT[first][0] in each.name for each in dataset.examples)


def test_scenes_that_policies_share_show_what_a_hand_has_and_nothing_else(atlas: Atlas) -> None:
    """A thing that a hand has no drawing of would be an empty picture, labelled as if the thing were there."""
    names = [each.name for each in load_lexicon()]
    things = list(range(len(names) - 20, len(names)))
    shared = [each.name for each in policy_scenes(0, 44, atlas=atlas, things=things).examples]
    shown = {name.partition("(")[2].removesuffix(")") for name in shared}
    assert shown == {*names[-20:], "nothing"}


def test_no_two_scenes_of_policies_are_the_same_picture(atlas: Atlas) -> None:
    examples = policy_scenes(2, 11, atlas=atlas).examples
    assert len({example.read() for example in examples}) == len(examples)


def test_empty_clutter_shows_no_sprite(atlas: Atlas) -> None:
    """It is the same picture whatever the sprites are."""
    blank = Atlas(tuple(level.new_zeros(level.shape) for level in atlas.levels))
    empty = Scene("alone", SEED, 3, NOTHING, (0.35, 0.95))
    assert empty.draw(lambda: atlas) == empty.draw(lambda: blank)
    thing = Scene("alone", SEED, 3, index_of("dog"), (0.35, 0.95))
    assert thing.draw(lambda: atlas) != thing.draw(lambda: blank)


def test_a_missing_font_is_found_before_a_scene_is_drawn(tmp_path: Path) -> None:
    for make in (lambda font: emoji_scenes(3, font=font), lambda font: policy_scenes(1, 1, font=font)):
        with pytest.raises(FontError, match="fonts-noto-color-emoji"):
            make(tmp_path / "nothing.ttf")
