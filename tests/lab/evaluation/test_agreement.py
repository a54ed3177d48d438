"""Cohen's kappa and rates a day, with intervals that hold where there is little to go by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.evaluation.agreement import kappa
from pipeline.lab.evaluation.rates import a_day

few = st.integers(0, 200)


def test_kappa_is_that_of_a_table_worked_by_hand() -> None:
    """Of 50 each, 20 both, 5 and 10 one alone: observed 0.7, by chance 0.5."""
    found = kappa(20, 5, 10, 15)
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert found.low < 0.4 < found.high


def test_where_one_says_the_same_of_all_there_is_nothing_beyond_chance() -> None:
    assert kappa(0, 0, 0, 50) is None
    assert kappa(0, 0, 0, 0) is None
    found = kappa(0, 5, 0, 45)
    assert found is not None
    assert found.value == 0


def test_full_agreement_of_few_is_no_certainty() -> None:
    few_flags, many = kappa(5, 0, 0, 995), kappa(500, 0, 0, 500)
    assert few_flags is not None
    assert many is not None
    assert few_flags.value == many.value == 1
    assert few_flags.low < 0.85
    assert many.low > 0.98


@given(few, few, few, few)
def test_the_interval_holds_the_value_whichever_comes_first(both: int, one: int, other: int, neither: int) -> None:
    found, swapped = kappa(both, one, other, neither), kappa(both, other, one, neither)
    assert (found is None) == (swapped is None)
    if found is not None and swapped is not None:
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert swapped.value == pytest.approx(found.value)


def test_the_interval_holds_the_truth_as_often_as_it_says_where_flags_are_rare() -> None:
    shares = np.array([0.004, 0.001, 0.001, 0.994])
    yes_a, yes_b = shares[0] + shares[1], shares[0] + shares[2]
    by_chance = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    truth = (shares[0] + shares[3] - by_chance) / (1 - by_chance)
    found = [kappa(*each) for each in np.random.default_rng(5).multinomial(2_000, shares, 150).tolist()]
    held = [each.low <= truth <= each.high for each in found if each is not None]
    assert len(held) > 140
    assert np.mean(held) > 0.88


def test_a_rate_is_of_days_with_the_interval_of_a_count() -> None:
    """The exact interval of 10 events is 4.80 to 18.39 (Garwood 1936)."""
    found = a_day(10, 2.0)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((5, 4.80 / 2, 18.39 / 2), rel=0.01)
    assert a_day(3, 0.0) is None
    none = a_day(0, 1.0)
    assert none is not None
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(3.69, rel=0.02)


def test_days_that_differ_widen_the_interval() -> None:
    even, uneven = a_day(40, 4.0, (10, 10, 10, 10)), a_day(40, 4.0, (1, 30, 2, 7))
    assert even is not None
    assert uneven is not None
    assert even.value == uneven.value
    assert uneven.low < even.low < even.high < uneven.high


@given(st.integers(0, 10_000), st.floats(0.01, 1000), st.lists(st.integers(0, 500), max_size=10))
def test_a_rate_lies_within_its_interval(count: int, days: float, whole_days: list[int]) -> None:
    found = a_day(count, days, whole_days)
    assert found is not None
    assert 0 <= found.low <= found.value <= found.high
