"""Which parts of a still the model looks at: with whole coverage, all of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.rules.images.views import (
    BEARABLE,
    MAX_TILES,
    MAX_VIEWS,
    ROUNDING,
    Coverage,
    Size,
    View,
    interpolation,
    moved,
    recipe,
    rescaled,
    views,
    views_within,
)

SIZES = st.tuples(st.integers(1, 30_000), st.integers(1, 30_000))
TARGETS = st.sampled_from([(64, 64), (224, 224), (80, 48), (48, 80)])
MODES = st.sampled_from(["shortest", "longest", "squash"])
SQUARE = (224, 224)


def boxes(plan: list[View]) -> list[tuple[float, float, float, float]]:
    return [piece.box for view in plan for piece in view]


def is_covered(size: Size, plan: list[View]) -> bool:
    """Whether each point of a grid, and of the last pixel each way, lies in some box."""
    points = [
        (size[0] * x / 40 if x < 40 else size[0] - 1e-3, size[1] * y / 40 if y < 40 else size[1] - 1e-3)
        for x in range(41)
        for y in range(41)
    ]
    rims = 1e-6 * max(size)
    return all(
        any(a - rims <= x <= c + rims and b - rims <= y <= d + rims for a, b, c, d in boxes(plan)) for x, y in points
    )


@settings(max_examples=300, deadline=None)
@given(SIZES, TARGETS, MODES, st.sampled_from(["whole", "close", "centre"]))
def test_views_lie_within_the_still_and_pieces_within_the_view(
    size: Size, target: Size, mode: str, coverage: Coverage
) -> None:
    plan = views(size, target, mode, coverage)
    assert 1 <= len(plan) <= MAX_VIEWS
    for piece in (piece for view in plan for piece in view):
        left, top, right, bottom = piece.box
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert all(
            at >= 0 and at + length <= whole for at, length, whole in zip(piece.at, piece.size, target, strict=True)
        )


@settings(max_examples=150, deadline=None)
@given(SIZES, TARGETS, MODES, st.sampled_from(["whole", "close"]))
def test_every_part_of_every_still_is_in_a_view(size: Size, target: Size, mode: str, coverage: Coverage) -> None:
    assert is_covered(size, views(size, target, mode, coverage))


@settings(max_examples=150, deadline=None)
@given(SIZES, MODES)
def test_a_still_in_either_position_has_as_many_views(size: Size, mode: str) -> None:
    """EXIF may turn it after they were counted."""
    assert len(views(size, SQUARE, mode)) == len(views(size[::-1], SQUARE, mode))


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ((1000, 1000), 1),
        ((1024, 768), 1),
        ((768, 1024), 1),
        ((1000, 740), 1),
        ((1500, 1000), 2),
        ((1920, 1080), 2),
        ((1080, 2340), 2),
        ((2000, 1000), 2),
        ((3000, 1000), 3),
        ((8000, 1000), 8),
        ((20_000, 1000), 9),
    ],
)
def test_ordinary_stills_have_one_view_or_two(size: Size, count: int) -> None:
    """A telephone's and a camera's pictures, film, a screen, panoramas: never more than nine."""
    assert len(views(size, SQUARE, "shortest")) == count


@given(st.floats(1, 8.2))
def test_nothing_is_squashed_further_than_models_have_learned(ratio: float) -> None:
    size = (round(1000 * ratio), 1000)
    for left, top, right, bottom in boxes(views(size, SQUARE, "shortest")):
        assert (right - left) / (bottom - top) * ROUNDING >= 1
        assert (right - left) / (bottom - top) <= BEARABLE * ROUNDING + 0.01


@given(st.floats(1.4, 8.2), st.floats(0, 1))
@example(7.03125, 1.0)  # the last view ends a rounding error before the edge
def test_what_is_a_third_of_the_short_side_is_whole_in_some_view(ratio: float, where: float) -> None:
    size = (round(1000 * ratio), 1000)
    start, end = where * (size[0] - 330) + 1e-6, where * (size[0] - 330) + 330 - 1e-6
    assert any(left <= start and end <= right for left, _, right, _ in boxes(views(size, SQUARE, "shortest")))


@pytest.mark.parametrize("mode", ["longest", "squash"])
def test_recipes_that_crop_nothing_are_left_as_they_are(mode: str) -> None:
    for size in [(1000, 1000), (1024, 768), (768, 1024), (1900, 1000)]:
        assert views(size, SQUARE, mode) == views(size, SQUARE, mode, "centre")


def test_close_coverage_adds_close_ups_only_where_there_is_more_to_see() -> None:
    assert len(views((4000, 3000), SQUARE, "shortest", "close")) == 1 + 6
    assert len(views((1920, 1080), SQUARE, "shortest", "close")) == 2 + 8
    assert views((300, 300), SQUARE, "shortest", "close") == views((300, 300), SQUARE, "shortest")


def test_centre_coverage_is_the_recipes_one_view_and_squares_for_what_is_long() -> None:
    assert len(views((1920, 1080), SQUARE, "shortest", "centre")) == 1
    assert boxes(views((2000, 1000), SQUARE, "shortest", "centre"))[1:] == [
        (0.0, 0.0, 1000.0, 1000.0),
        (500.0, 0.0, 1500.0, 1000.0),
        (1000.0, 0.0, 2000.0, 1000.0),
    ]
    assert len(views((90_000, 10), SQUARE, "shortest", "centre")) == 1 + MAX_TILES


@given(SIZES, st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_a_view_of_a_still_kept_smaller_stays_inside_it(full: Size, size: Size) -> None:
    """Pillow refuses a box that ends a millionth of a pixel outside."""
    for view in views(full, SQUARE, "shortest"):
        for piece in rescaled(view, full, size):
            assert piece.box[2] <= size[0]
            assert piece.box[3] <= size[1]


def test_a_moved_view_is_the_same_further_on() -> None:
    (view,) = views((40, 40), SQUARE, "shortest")
    assert moved(view, 7, 3)[0].box == (7, 3, 47, 43)


@pytest.mark.parametrize(
    ("size", "target", "mode", "scaled", "crop"),
    [
        ((300, 200), (64, 64), "shortest", (96, 64), (16, 0)),
        ((200, 300), (64, 64), "shortest", (64, 96), (0, 16)),
        ((64, 64), (64, 64), "shortest", (64, 64), (0, 0)),
        ((300, 200), (64, 64), "longest", (64, 43), (0, -10)),
        ((200, 300), (64, 64), "longest", (43, 64), (-10, 0)),
        ((300, 200), (64, 32), "shortest", (64, 43), (0, 6)),
        ((300, 200), (64, 32), "longest", (48, 32), (-8, 0)),
        ((2000, 1), (64, 64), "longest", (64, 1), (0, -31)),
        ((300, 200), (64, 32), "squash", (64, 32), (0, 0)),
    ],
)
def test_the_recipe_scales_and_crops_as_torchvision_rounds(
    size: Size, target: Size, mode: str, scaled: Size, crop: tuple[int, int]
) -> None:
    """The halves are torchvision's: a crop's is rounded to even, padding's is rounded down."""
    assert recipe(size, target, mode) == (scaled, crop)


def test_only_a_model_that_is_not_square_and_crops_is_scaled_to_by_cubic_interpolation() -> None:
    assert interpolation((64, 64), "shortest", "bilinear") == "bilinear"
    assert interpolation((64, 48), "shortest", "bilinear") == "bicubic"
    assert interpolation((64, 48), "squash", "bilinear") == "bilinear"
    assert interpolation((64, 48), "longest", "bilinear") == "bilinear"


@given(SIZES, st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_a_view_of_a_still_kept_at_another_size_is_of_the_same_part(full: Size, size: Size) -> None:
    for view in views(full, SQUARE, "shortest"):
        for before, after in zip(view, rescaled(view, full, size), strict=True):
            assert (after.size, after.at) == (before.size, before.at)
            shares = [edge / full[axis % 2] for axis, edge in enumerate(before.box)]
            assert [edge / size[axis % 2] for axis, edge in enumerate(after.box)] == pytest.approx(shares)
            assert after.box[2] <= size[0]
            assert after.box[3] <= size[1]


@given(SIZES, TARGETS, MODES, st.sampled_from(["whole", "close", "centre"]))
def test_views_of_a_part_are_those_of_a_still_of_its_own_that_stands_there(
    size: Size, target: Size, mode: str, coverage: Coverage
) -> None:
    part = (30.0, 7.0, 30.0 + size[0], 7.0 + size[1])
    alone = [moved(view, 30.0, 7.0) for view in views(size, target, mode, coverage)]
    assert views_within(part, target, mode, coverage) == alone
    assert views_within(part, target, mode) == [moved(view, 30.0, 7.0) for view in views(size, target, mode)]


@given(st.integers(2, 60), st.integers(10, 400), TARGETS, st.booleans())
def test_the_rows_of_a_folded_strip_follow_each_other_and_fill_the_view(
    ratio: int, short: int, target: Size, upright: bool
) -> None:
    size = (short, short * ratio) if upright else (short * ratio, short)
    for view in views(size, target, "shortest"):
        if len(view) == 1:
            continue
        axis = 1 if upright else 0
        for before, after in pairwise(view):
            assert before.box[axis + 2] == pytest.approx(after.box[axis])
            assert before.box[axis + 2] - before.box[axis] == pytest.approx(after.box[axis + 2] - after.box[axis])
        assert sum(piece.size[0] * piece.size[1] for piece in view) == target[0] * target[1]
