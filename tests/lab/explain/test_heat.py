"""A map is hottest where a score comes from; what is made of it is laid where the view was taken."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.items import Pixels
from pipeline.lab.explain.crops import averaged, cropped, windows
from pipeline.lab.explain.fills import FILLS
from pipeline.lab.explain.heat import AREA, heats, hottest, without
from pipeline.lab.explain.masks import masked, masks
from pipeline.lab.explain.overlay import lies_in, overlaid, upright
from pipeline.lab.explain.record import Filled
from pipeline.wire import Turned

SIZE = (40, 56)
RED, BLUE = (6, 8, 14, 18), (26, 36, 34, 46)
"""Top, left, bottom, right."""


def scene() -> Pixels:
    view = np.full((*SIZE, 3), 128, np.uint8)
    for (top, left, bottom, right), colour in ((RED, (255, 0, 0)), (BLUE, (0, 0, 255))):
        view[top:bottom, left:right] = colour
    return view


def scores(pixels: Pixels) -> NDArray[np.float64]:
    """How much of each view is red, and how much blue, as one with a model would tell it: from 0 to 1."""
    found = pixels.astype(np.float64)
    red = ((found[..., 0] > 190) & (found[..., 2] < 90)).mean(axis=(1, 2))
    blue = ((found[..., 2] > 190) & (found[..., 0] < 90)).mean(axis=(1, 2))
    return np.stack([1 - np.exp(-30 * red), 1 - np.exp(-30 * blue), np.full(len(found), 0.25)], axis=1)


@pytest.fixture(scope="module")
def found() -> NDArray[np.float64]:
    return heats(scene(), scores)


@pytest.mark.parametrize(("policy", "where"), [(0, RED), (1, BLUE)])
def test_each_policys_map_is_hottest_where_its_score_comes_from(
    found: NDArray[np.float64], policy: int, where: tuple[int, int, int, int]
) -> None:
    row, column = np.unravel_index(found[policy].argmax(), SIZE)
    assert where[0] <= row < where[2]
    assert where[1] <= column < where[3]
    for each in without(scene(), found[policy], scores, policy):
        assert each.score < 0.3 * scores(scene()[None])[0, policy]
        assert each.elsewhere > each.score


def test_a_score_that_nothing_moves_gives_a_map_without_any_heat(found: NDArray[np.float64]) -> None:
    assert found.shape == (3, *SIZE)
    assert (found.min(), found.max()) == (0, 1)
    assert not found[2].any()
    assert hottest(found[2]).sum() == round(AREA * found[2].size)


@pytest.mark.parametrize("size", [(80, 80), (224, 224), (40, 56), (9, 13)])
def test_every_pixel_lies_in_crops_and_each_mask_takes_some_away(size: tuple[int, int]) -> None:
    parts = windows(size)
    assert len(parts) == 52
    assert (averaged(np.ones((len(parts), 1)), parts, size) == 1).all()
    assert cropped(np.zeros((*size, 3), np.uint8), parts).shape == (52, *size, 3)
    chosen = masks(size)
    assert chosen.shape == (96, *size)
    assert (chosen >= 0).all()
    assert (chosen <= 1).all()
    assert 0.4 < chosen.mean() < 0.6
    assert np.array_equal(chosen, masks(size))


@pytest.mark.parametrize("name", FILLS)
def test_what_is_taken_away_leaves_no_trace_and_all_else_as_it_is(name: Filled) -> None:
    view, part = scene(), np.zeros(SIZE, bool)
    part[RED[0] - 2 : RED[2] + 2, RED[1] - 2 : RED[3] + 2] = True
    taken = FILLS[name](view, part)
    before, after = scores(np.stack([view, taken]))
    assert after[0] == 0 < before[0]
    assert after[1] == before[1]
    assert np.array_equal(taken[~part], view[~part])
    assert np.array_equal(FILLS[name](view, np.zeros(SIZE, bool)), view)


def test_a_part_is_filled_with_the_colours_around_it_however_large_it_is() -> None:
    part = np.zeros(SIZE, bool)
    part[RED[0] - 2 : RED[2] + 2, RED[1] - 2 : RED[3] + 2] = True
    assert (FILLS["surroundings"](scene(), part)[part] == 128).all()
    assert FILLS["surroundings"](scene(), np.ones(SIZE, bool)).shape == (*SIZE, 3)


def test_a_part_of_a_slope_is_filled_so_that_no_edge_shows() -> None:
    slope = np.broadcast_to(
        np.linspace(0, 255, SIZE[1]).round().astype(np.uint8)[np.newaxis, :, np.newaxis], (*SIZE, 3)
    )
    part = np.zeros(SIZE, bool)
    part[SIZE[0] // 4 : SIZE[0] // 2, SIZE[1] // 3 : 2 * SIZE[1] // 3] = True
    assert np.abs(FILLS["surroundings"](slope, part).astype(int) - slope).max() <= 2


def test_a_view_through_a_mask_that_keeps_all_is_the_view() -> None:
    assert np.array_equal(masked(scene(), np.ones((1, *SIZE), np.float32))[0], scene())


def test_a_map_is_laid_where_its_view_was_taken_and_the_rest_of_the_picture_stays() -> None:
    picture = Image.new("RGB", (300, 200), (10, 200, 30))
    heat = np.zeros((10, 10))
    heat[2:5, 2:5] = 1
    made = np.asarray(overlaid(picture, heat, (0.5, 0.0, 1.0, 1.0)), np.int16)
    assert made.shape[1] == 512
    cold = made[5, 5]
    assert (made[:, : made.shape[1] // 2 - 2] == cold).all()
    middle = made[int(made.shape[0] * 0.35), int(made.shape[1] * (0.5 + 0.35 * 0.5))]
    assert np.abs(middle - cold).max() > 60


@pytest.mark.parametrize(
    ("box", "mode", "lies"),
    [
        ((0.0, 0.0, 1.0, 1.0), "shortest", True),
        ((0.0, 0.0, 0.5, 1.0), "shortest", True),
        ((0.0, 0.0, 1.0, 0.1), "shortest", False),
        ((0.0, 0.0, 1.0, 1.0), "longest", False),
    ],
)
def test_a_view_that_was_folded_or_has_margins_lies_nowhere_in_the_picture(
    box: tuple[float, float, float, float], mode: str, lies: bool
) -> None:
    assert lies_in(box, (400, 300), np.zeros((80, 80, 3), np.uint8), mode) is lies


@pytest.mark.parametrize("how", ["90", "180", "270", "mirrored", None])
def test_the_map_of_a_turned_view_stands_as_the_picture_does(how: Turned | None) -> None:
    from pipeline.rules.second_look import turned

    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    seen = picture if how is None else turned(picture, how)
    assert seen is not None
    assert np.array_equal(upright(seen[..., 0].astype(float), how), picture[..., 0])
