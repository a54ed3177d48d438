"""Open-loop arrivals, and the ideal batcher that they are held against."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.bench.arrivals import ideal_latencies, interpolated, percentile, poisson, side_by_side


def test_arrivals_come_at_their_rate_in_order_and_again_the_same() -> None:
    times = poisson(50, 100, seed=3)
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] < 100
    assert len(times) == pytest.approx(5000, rel=0.1)
    assert times == poisson(50, 100, seed=3)
    assert times != poisson(50, 100, seed=4)


def test_a_lone_image_takes_its_decode_and_its_forward_pass() -> None:
    alone = ideal_latencies([1.0, 9.0], lambda n: 0.1 * n, lambda n: 0.5 * n, 8, apart=False)
    assert alone == pytest.approx([0.6, 0.6])


def test_what_waits_goes_together() -> None:
    """The first is under way until 0.6; the three that came meanwhile share one pass from then on."""
    found = ideal_latencies([0.0, 0.1, 0.2, 0.3], lambda n: 0.1 * n, lambda n: 0.5, 8, apart=False)
    assert found == pytest.approx([0.6, 1.3, 1.2, 1.1])


def test_a_batch_has_a_limit() -> None:
    found = ideal_latencies([0.0, 0.0, 0.0], lambda n: 0.0, lambda n: 1.0, 2, apart=False)
    assert found == pytest.approx([1.0, 1.0, 2.0])


def test_a_device_apart_decodes_the_next_batch_meanwhile() -> None:
    arrivals = [0.0, 0.0]
    together = ideal_latencies(arrivals, lambda n: 1.0, lambda n: 1.0, 1, apart=False)
    apart = ideal_latencies(arrivals, lambda n: 1.0, lambda n: 1.0, 1, apart=True)
    assert together == pytest.approx([2.0, 4.0])
    assert apart == pytest.approx([2.0, 3.0])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.integers(1, 8), st.booleans())
def test_every_arrival_is_answered_and_none_before_its_work_is_done(
    times: list[float], most: int, apart: bool
) -> None:
    found = ideal_latencies(sorted(times), lambda n: 0.01 * n, lambda n: 0.1 + 0.01 * n, most, apart=apart)
    assert len(found) == len(times)
    assert min(found) >= 0.12 - 1e-9


def test_images_are_decoded_side_by_side_and_none_by_two_cores() -> None:
    assert [side_by_side(0.1, 2, count) for count in (1, 2, 3, 4)] == pytest.approx([0.1, 0.1, 0.2, 0.2])


def test_seconds_between_measured_batch_sizes_are_interpolated_and_beyond_them_scale() -> None:
    forward = interpolated([(8, 0.8), (1, 0.1), (4, 0.4)])
    assert forward(1) == pytest.approx(0.1)
    assert forward(6) == pytest.approx(0.6)
    assert forward(16) == pytest.approx(1.6)


def test_percentiles_are_values_that_occurred() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert percentile(values, 0.5) == 3
    assert percentile(values, 0.99) == 5
    assert percentile(values, 0.01) == 1
    assert math.isnan(percentile([], 0.5))
