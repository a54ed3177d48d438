"""What stands out among the frames of an animation is kept, whatever stands around it and in whatever order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.images.novelty import ALIKE, WILD, Novelty, Shape, Sketch, shape_of

Draw = np.random.Generator


def plain(draw: Draw) -> Sketch:
    """One colour."""
    return np.broadcast_to(draw.integers(0, 256, 4), (16, 16, 4)).astype(np.int16)


def squares(draw: Draw) -> Sketch:
    """Squares of random colours, as unlike each other as pictures can be."""
    small = draw.integers(0, 256, (8, 8, 4))
    return small.repeat(2, axis=0).repeat(2, axis=1).astype(np.int16)


def black_and_white(draw: Draw) -> Sketch:
    """Stripes of the strongest contrast, straight or across, anywhere."""
    period, start = int(draw.integers(2, 8)), int(draw.integers(0, 8))
    stripes = np.broadcast_to(((np.arange(16) + start) // period % 2 * 255)[:, None, None], (16, 16, 4))
    return (stripes if draw.integers(2) else stripes.transpose(1, 0, 2)).astype(np.int16)


def scene(draw: Draw) -> Sketch:
    """Soft contrast, as photos have."""
    return (100 + squares(draw) // 5).astype(np.int16)


def nearly(sketch: Sketch, draw: Draw, levels: int = 1) -> Sketch:
    return (sketch + draw.integers(-levels, levels + 1, sketch.shape)).astype(np.int16)


def offer(novelty: Novelty[int], sketches: list[Sketch], shown: Callable[[int], float] = lambda _: 0.05) -> set[int]:
    for number, sketch in enumerate(sketches):
        shape = shape_of(sketch)
        if novelty.wants(shape, shown(number)):
            novelty.keep(shape, number, shown(number))
    return set(novelty.kept)


def apart(one: Shape, other: Shape) -> float:
    return float(np.abs(one - other).mean())


@pytest.mark.parametrize("at", [0, 1, 700, 1999])
def test_a_single_odd_frame_among_thousands_is_kept(at: int) -> None:
    draw = np.random.default_rng(1)
    calm = scene(draw)
    sketches = [nearly(calm, draw) for _ in range(2000)]
    sketches[at] = scene(draw)
    assert at in offer(Novelty(2, 2), sketches)


@given(st.integers(0, 2**32), st.integers(0, 59))
def test_however_many_flashes_of_colour_there_are_what_stands_among_them_is_kept(seed: int, at: int) -> None:
    draw = np.random.default_rng(seed)
    sketches = [plain(draw) for _ in range(60)]
    sketches[at] = scene(draw)
    assert at in offer(Novelty(4, 4), sketches)


@given(st.integers(0, 2**32), st.integers(0, 59))
def test_decoys_that_repeat_take_a_place_once(seed: int, at: int) -> None:
    draw = np.random.default_rng(seed)
    decoys = [squares(draw) for _ in range(10)]
    sketches = [nearly(decoys[number % 10], draw) for number in range(60)]
    sketches[at] = scene(draw)
    novelty = Novelty[int](4, 28)
    assert at in offer(novelty, sketches)
    assert novelty.missed == 0


@given(st.integers(0, 2**32), st.integers(0, 26))
def test_among_as_many_decoys_as_there_is_room_for_none_drives_a_frame_out(seed: int, at: int) -> None:
    draw = np.random.default_rng(seed)
    sketches = [squares(draw) for _ in range(27)]
    sketches.insert(at, scene(draw))
    assert offer(Novelty(4, 28), sketches) == set(range(28))


@given(st.integers(0, 2**32), st.integers(0, 90), st.sampled_from([squares, black_and_white]))
def test_a_picture_that_a_viewer_is_to_see_is_kept_among_any_number_of_brief_ones(
    seed: int, at: int, decoy: Callable[[Draw], Sketch]
) -> None:
    draw = np.random.default_rng(seed)
    sketches = [decoy(draw) for _ in range(90)]
    sketches.insert(at, scene(draw))
    assert at in offer(Novelty(4, 28), sketches, lambda number: 1.0 if number == at else 0.02)


def test_where_there_is_no_room_for_all_it_is_known() -> None:
    draw = np.random.default_rng(2)
    novelty = Novelty[int](4, 28)
    assert len(offer(novelty, [squares(draw) for _ in range(100)])) == 28
    assert novelty.missed == 72


def test_a_film_without_cuts_has_no_more_frames_than_the_limit() -> None:
    """A wide picture that moves past: every frame is new, and none is unlike those before it."""
    draw = np.random.default_rng(3)
    wide = np.cumsum(draw.integers(-6, 7, (16, 400, 4)), axis=1).astype(np.int16)
    novelty = Novelty[int](4, 28)
    assert len(offer(novelty, [wide[:, start : start + 16] for start in range(60)])) == 4
    assert novelty.missed == 0


def test_frames_like_those_that_are_looked_at_anyway_are_no_news() -> None:
    draw = np.random.default_rng(4)
    known, new = scene(draw), scene(draw)
    novelty = Novelty[int](1, 1)
    novelty.anchor(shape_of(known))
    assert not novelty.wants(shape_of(known))
    assert offer(novelty, [known, known, new, known]) == {2}


def test_a_change_in_one_corner_is_news() -> None:
    draw = np.random.default_rng(5)
    known = scene(draw)
    corner = known.copy()
    corner[12:, 12:, :3] += 60
    novelty = Novelty[int](2, 2)
    novelty.anchor(shape_of(known))
    assert novelty.wants(shape_of(corner))


def test_where_none_may_be_kept_none_is_wanted() -> None:
    assert not Novelty[int](0, 0).wants(shape_of(scene(np.random.default_rng(6))))


def test_brightness_and_strong_contrast_hardly_change_a_shape() -> None:
    draw = np.random.default_rng(7)
    sketch = squares(draw)
    assert apart(shape_of(sketch), shape_of((sketch // 2 + 90).astype(np.int16))) < WILD / 10


@given(st.integers(0, 2**32))
def test_any_other_colour_is_news_where_there_is_no_other_and_never_wild(seed: int) -> None:
    draw = np.random.default_rng(seed)
    one, other = plain(draw), plain(draw)
    other[..., 0] = (one[..., 0] + 128) % 256
    assert ALIKE < apart(shape_of(one), shape_of(other)) < WILD


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(0, 8), st.data())
def test_no_more_are_kept_than_allowed_and_more_than_the_limit_only_where_all_differ(
    seed: int, limit: int, more: int, data: st.DataObject
) -> None:
    draw = np.random.default_rng(seed)
    kinds = data.draw(st.lists(st.sampled_from([plain, squares, scene, black_and_white]), max_size=40))
    sketches = [kind(draw) for kind in kinds]
    novelty = Novelty[int](limit, limit + more)
    kept = offer(novelty, sketches)
    assert min(1, len(sketches)) <= len(kept) <= limit + more
    shapes = [shape_of(sketches[number]) for number in kept]
    gaps = [apart(one, other) for at, one in enumerate(shapes) for other in shapes[:at]]
    assert all(gap > ALIKE for gap in gaps)
    if len(kept) > limit:
        assert min(gaps) > WILD or more == 0
