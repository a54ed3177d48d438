"""Which frames of an animation are looked at: spread over all of it, and the odd ones wherever they stand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.images.frames import Novelty, Sketch, some, spread


def flat(level: int) -> Sketch:
    return np.full((2, 2, 3), level, np.int16)


@given(st.integers(1, 500), st.integers(1, 40), st.binary(max_size=8))
def test_frames_are_spread_from_the_first_to_the_last_with_one_in_each_stretch(
    count: int, limit: int, seed: bytes
) -> None:
    chosen = sorted(spread(count, limit, seed))
    assert chosen == sorted(spread(count, limit, seed))
    assert len(chosen) == min(count, limit)
    assert 0 <= chosen[0] <= chosen[-1] < count
    if limit > 1:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
    if limit > 2:
        stretch = (count - 2) / (limit - 2)
        assert all(after - before <= 2 * stretch + 2 for before, after in pairwise(chosen))


def test_where_in_its_stretch_a_frame_stands_nobody_can_tell_beforehand() -> None:
    """Another hash draws other frames, so that each frame is looked at for some image."""
    seeds = [bytes([number]) for number in range(200)]
    assert set().union(*(spread(20, 5, seed) for seed in seeds)) == set(range(20))
    assert set().union(*(spread(9, 1, seed) for seed in seeds)) == set(range(9))


def test_views_that_fit_are_all_kept_in_their_order() -> None:
    rows = np.arange(12, dtype=np.uint8).reshape(6, 2)
    assert some(rows, 6) is rows
    assert some(rows, 3)[:, 0].tolist() == [0, 4, 8]
    assert some(rows, 3, turn=1)[:, 0].tolist() == [2, 6, 10]


def offered(novelty: Novelty[int], levels: list[int]) -> Novelty[int]:
    for number, level in enumerate(levels):
        if novelty.wants(flat(level)):
            novelty.keep(flat(level), number)
    return novelty


def test_a_single_odd_frame_among_thousands_is_kept() -> None:
    levels = [100 + number % 3 for number in range(2000)]
    levels[1234] = 220
    assert 1234 in offered(Novelty(2), levels).kept


def test_frames_like_those_that_are_looked_at_anyway_are_no_news() -> None:
    novelty = Novelty[int](1)
    novelty.anchor(flat(100))
    assert not novelty.wants(flat(100))
    assert offered(novelty, [101, 100, 130, 101]).kept == [2]


def test_the_least_novel_makes_room_for_what_differs_more() -> None:
    novelty = offered(Novelty[int](3), [0, 10, 100])
    assert novelty.kept == [0, 1, 2]
    assert not novelty.wants(flat(109))
    novelty.keep(flat(200), 3)
    assert novelty.kept in ([0, 2, 3], [1, 2, 3])
    assert not novelty.wants(flat(255)), "55 from the nearest, and those that are kept are further apart"


def test_while_there_is_room_anything_new_is_kept_and_a_repeat_is_not() -> None:
    assert offered(Novelty[int](5), [100, 101, 100, 102, 101]).kept == [0, 1, 3]


def test_a_change_in_one_corner_is_news() -> None:
    corner = flat(100)
    corner[1, 1] = 180
    novelty = offered(Novelty[int](2), [100])
    assert novelty.wants(corner)
    novelty.keep(corner, 1)
    assert not novelty.wants(corner)


def test_where_none_may_be_kept_none_is_wanted() -> None:
    assert not Novelty[int](0).wants(flat(5))


@given(st.lists(st.integers(0, 255), max_size=40), st.integers(1, 5))
def test_no_more_than_the_limit_are_kept_each_with_its_own_sketch(levels: list[int], limit: int) -> None:
    novelty = offered(Novelty(limit), levels)
    assert min(1, len(levels)) <= len(novelty.kept) <= limit
    assert [int(sketch.flat[0]) for sketch in novelty.sketches] == [levels[number] for number in novelty.kept]
    assert len({levels[number] for number in novelty.kept}) == len(novelty.kept)
