"""What waits goes together up to a maximum, and batches are filled up to sizes that are few and close enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.flow.batching import filled_up, prepared_sizes, take


@pytest.mark.parametrize(
    ("waiting", "taken"),
    [([], 0), ([3], 1), ([8], 1), ([9], 1), ([3, 5], 2), ([3, 5, 1], 2), ([9, 1], 1), ([1, 9], 1)],
)
def test_what_waits_goes_together_in_order_up_to_eight(waiting: list[int], taken: int) -> None:
    assert take(waiting, 8) == taken


@pytest.mark.parametrize(
    ("most", "sizes"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (3, (1, 2, 3)),
        (4, (1, 2, 4)),
        (13, (1, 2, 4, 8, 12, 13)),
        (64, (1, 2, *range(4, 65, 4))),
        (100, (1, 2, *range(4, 64, 4), 64, 72, 80, 88, 96, 100)),
    ],
)
def test_the_prepared_sizes_are_these(most: int, sizes: tuple[int, ...]) -> None:
    assert prepared_sizes(most) == sizes


@given(st.integers(1, 5000))
def test_prepared_sizes_ascend_to_the_largest_batch_and_are_few(most: int) -> None:
    sizes = prepared_sizes(most)
    assert list(sizes) == sorted(set(sizes))
    assert (sizes[0], sizes[-1]) == (1, most)
    assert len(sizes) <= max(18, 18 + 8 * (most - 1).bit_length() - 8 * 6)


@given(st.integers(1, 5000).flatmap(lambda most: st.tuples(st.integers(1, most), st.just(most))))
def test_a_batch_is_filled_up_by_three_images_or_an_eighth_at_most(case: tuple[int, int]) -> None:
    size, most = case
    found = filled_up(size, prepared_sizes(most))
    assert found is not None
    assert 0 <= found - size <= max(3, size / 8)


def test_nothing_holds_a_batch_beyond_the_largest_size() -> None:
    assert filled_up(65, prepared_sizes(64)) is None
    assert filled_up(1, ()) is None
