"""Things at edges and in corners: they stand where they are said to, and what is found of them is counted rightly."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.lab.evaluation.coverage import Seen, measure_coverage, measure_surrounds, pooled
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import NOTHING, index_of
from pipeline.lab.scenes.placed import PLACES, SHORT_SIDE, Spot, draw_placed, placed_scenes, spots
from pipeline.lab.scenes.surrounded import BARE, surrounded_scenes
from pipeline.lab.scenes.surrounds import SURROUNDS
from pipeline.lab.scenes.truth import ABOUT, ARGUABLE
from tests.lab.evaluation.test_findings import told

WIDE = (16, 9)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ratio", [(1, 1), WIDE, (9, 16)])
def test_a_thing_stands_where_the_spot_has_it(ratio: tuple[int, int], place: str, atlas: Atlas) -> None:
    """The same clutter with and without it differs around there, and hardly elsewhere."""
    for number in range(len(PLACES[place])):
        spot = Spot(ratio, place, 0.25)
        width, height = spot.frame
        assert min(width, height) == SHORT_SIDE
        with_it, without = (
            np.asarray(draw_placed(atlas, thing, spot, 7, number)).astype(int)
            for thing in (index_of("kitchen knife"), NOTHING)
        )
        assert with_it.shape == (height, width, 3)
        rows, columns = np.nonzero(np.abs(with_it - without).max(axis=-1) > 8)
        across, down = PLACES[place][number]
        side = 0.25 * SHORT_SIDE
        assert abs(np.median(columns) - (side / 2 + (width - side) * across)) < side / 2
        assert abs(np.median(rows) - (side / 2 + (height - side) * down)) < side / 2
        assert np.ptp(columns) < 1.6 * side
        assert np.ptp(rows) < 1.6 * side


def test_scenes_are_of_things_that_policies_are_about_or_of_none(atlas: Atlas) -> None:
    chosen = spots(ratios=[WIDE], sizes=[0.6])
    about, harmless = (placed_scenes(70, chosen, about=each, atlas=atlas) for each in (True, False))
    things = {name for names in ABOUT.values() for name in names}
    assert {label for example in about.examples for label in example.labels} == things
    arguable = {name for names in ARGUABLE.values() for name in names}
    shown = [example.labels for example in harmless.examples]
    assert () in shown
    assert not {label for labels in shown for label in labels} & (things | arguable)
    assert {example.group for example in about.examples} == {spot.name for spot in chosen}
    assert about.examples[0].read() != harmless.examples[0].read()


class Flags:
    """Compiled policies that flag what they are told to, in the order in which they are asked."""

    def __init__(self, *answers: np.ndarray[Any, Any]) -> None:
        self.answers = list(answers)
        self.ids = tuple(ABOUT)
        self.policies = self.ids
        self.lowest = np.full(len(self.ids), 0.5)

    def look(self, images: object) -> Any:
        return type("Scores", (), {"scores": self.answers.pop(0)})


def test_counts_are_of_the_things_own_policy_and_of_any_for_harmless_ones(atlas: Atlas) -> None:
    chosen = spots(ratios=[WIDE], places=["corner", "edge"], sizes=[0.6])
    scenes = placed_scenes(3, chosen, about=True, atlas=atlas)
    own = [next(of for of, names in ABOUT.items() if each.labels[0] in names) for each in scenes.examples]
    first, second = np.zeros((6, len(ABOUT))), np.zeros((6, len(ABOUT)))
    first[0, list(ABOUT).index(own[0])] = 0.9
    first[4, list(ABOUT).index(own[4])] = 0.9
    first[1] = 0.9 * (np.array(list(ABOUT)) != own[1])  # only others flag it: not found
    second[5, 2] = 0.5
    found = measure_coverage(told(atlas), Flags(first, second), 3, chosen)  # type: ignore[arg-type]
    corner, edge = (found[spot] for spot in chosen)
    assert (corner.about, corner.found, corner.harmless, corner.false) == (3, 1, 3, 0)
    assert (edge.about, edge.found, edge.harmless, edge.false) == (3, 1, 3, 1)
    both = pooled(found, lambda spot: spot.shape)
    assert both["16:9"] == corner + edge
    assert both["16:9"].recall.value == pytest.approx(1 / 3)
    assert both["16:9"].views_each == 1


@pytest.mark.parametrize("name", SURROUNDS)
def test_what_is_around_a_picture_leaves_all_of_it_to_see(name: str, atlas: Atlas) -> None:
    """The picture itself is in there somewhere, pixel by pixel, whatever chance puts around it."""
    picture = Image.effect_noise((90, 90), 80).convert("RGB")
    others = [Image.effect_noise((90, 90), 60).convert("RGB") for _ in range(3)]
    for seed in range(4):
        around = np.asarray(SURROUNDS[name](picture, others, random.Random(seed)))
        core = np.asarray(picture)[30:60, 30:60]
        windows = np.lib.stride_tricks.sliding_window_view(around[..., 0], (30, 30))
        assert (windows[:, :, ::7, ::7] == core[::7, ::7, 0]).all(axis=(2, 3)).any()
        assert around.shape != (90, 90, 3)


@pytest.mark.parametrize("name", SURROUNDS)
def test_the_same_seed_surrounds_a_picture_with_the_same(name: str) -> None:
    picture, *others = [Image.new("RGB", (90, 90), colour) for colour in ("red", "green", "blue", "white")]
    first, again = (SURROUNDS[name](picture, others, random.Random(7)) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_surrounded_scenes_are_counted_by_what_surrounds_them(atlas: Atlas) -> None:
    count = 2 * (1 + len(SURROUNDS))
    nothing, everything = np.zeros((count, len(ABOUT))), np.ones((count, len(ABOUT)))
    found = measure_surrounds(told(atlas), Flags(everything, nothing), 2)  # type: ignore[arg-type]
    assert list(found) == [BARE, *SURROUNDS]
    assert all((seen.about, seen.found, seen.harmless, seen.false) == (2, 2, 2, 0) for seen in found.values())
    (first, *_), (other, *_) = (surrounded_scenes(1, about=each, atlas=atlas).examples for each in (True, False))
    assert first.read() != other.read()


def test_nothing_seen_has_no_share() -> None:
    assert np.isnan(Seen().recall.value)
    assert Seen().views_each == 0
