"""Which parts of a still the model looks at: with whole coverage, all of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.rules.images.views import (
    BEARABLE,
    MAX_TILES,
    MAX_VIEWS,
    ROUNDING,
    Coverage,
    Size,
    View,
    moved,
    rescaled,
    views,
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
def test_what_is_a_third_of_the_short_side_is_whole_in_some_view(ratio: float, where: float) -> None:
    size = (round(1000 * ratio), 1000)
    start = where * (size[0] - 330)
    assert any(left <= start and start + 330 <= right for left, _, right, _ in boxes(views(size, SQUARE, "shortest")))


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
