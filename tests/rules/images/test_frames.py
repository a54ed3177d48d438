"""Which frames of an animation are looked at: spread over all of it, each with its share of the views."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.images.frames import frames_for, room_for, shares, some, spread


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


@given(st.lists(st.integers(1, 20), min_size=1, max_size=32), st.integers(32, 64))
def test_each_frame_has_a_view_and_what_some_do_not_need_others_get(views: list[int], most: int) -> None:
    found = shares(views, most)
    assert all(1 <= share <= wanted for share, wanted in zip(found, views, strict=True))
    assert sum(found) == min(most, sum(views))


def test_frames_that_must_share_get_as_much_as_each_other() -> None:
    assert shares([1, 16, 16, 1], 8) == [1, 3, 3, 1]


@given(st.integers(1, 64), st.integers(4, 64), st.integers(1, 32))
def test_an_animation_that_is_all_cuts_has_no_more_frames_than_views(most: int, max_views: int, views: int) -> None:
    frames = frames_for(most, max_views, views)
    assert 1 <= frames <= room_for(frames, max_views, views) <= max(max_views, frames)
