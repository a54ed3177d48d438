"""Confidence intervals: published values, and how often they hold the truth, counted exactly."""

from __future__ import annotations

from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.evaluation.shares import Estimate, difference, paired_difference, ratio, share, simultaneous

NOTHING_OF_IT = 1e-9


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    total = draw(st.integers(1, 5000))
    return draw(st.integers(0, total)), total


class TestPublishedValues:
    @pytest.mark.parametrize(
        ("hits", "total", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_of_a_share(self, hits: int, total: int, low: float, high: float) -> None:
        """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3."""
        found = share(hits, total)
        assert (found.value, found.low, found.high) == pytest.approx((hits / total, low, high), abs=5e-5)

    @pytest.mark.parametrize(
        ("a", "b", "low", "high"),
        [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
    )
    def test_of_a_difference(self, a: tuple[int, int], b: tuple[int, int], low: float, high: float) -> None:
        """Newcombe (1998), "Interval estimation for the difference between independent proportions", table II."""
        found = difference(a, b)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)

    def test_of_a_paired_difference(self) -> None:
        """By hand: 1 gained and 7 lost of 21 are (2 - 8) / 23 = -0.2609, with a standard error of 0.1263."""
        found = paired_difference(1, 7, 21)
        assert (found.value, found.low, found.high) == pytest.approx((-6 / 21, -0.5084, -0.0134), abs=1e-4)

    def test_of_a_ratio_without_chance_in_either(self) -> None:
        found = ratio((1_000_000, 2_000_000), (500_000, 2_000_000))
        assert found is not None
        assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2), abs=0.01)


class TestWhatHoldsOfAll:
    @given(counts())
    def test_a_share_lies_in_its_interval_and_that_between_0_and_1(self, each: tuple[int, int]) -> None:
        found = share(*each)
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high

    @given(counts(), counts())
    def test_a_difference_lies_in_its_interval_and_turned_round_it_changes_sign(
        self, a: tuple[int, int], b: tuple[int, int]
    ) -> None:
        found, back = difference(a, b), difference(b, a)
        assert -1 - NOTHING_OF_IT <= found.low <= found.value <= found.high <= 1 + NOTHING_OF_IT
        assert (found.low, found.high) == pytest.approx((-back.high, -back.low))

    @given(counts(), counts())
    def test_a_ratio_lies_in_its_interval_and_exists_unless_it_divides_by_0(
        self, a: tuple[int, int], b: tuple[int, int]
    ) -> None:
        found = ratio(a, b)
        assert (found is None) == (b[0] == 0)
        if found:
            assert 0 <= found.low <= found.value <= found.high
            assert found.low < found.high

    @given(counts(), st.integers(0, 5000))
    def test_a_paired_difference_lies_in_its_interval(self, each: tuple[int, int], lost: int) -> None:
        gained, total = each
        found = paired_difference(gained, min(lost, total - gained), total)
        assert -1 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high

    def test_more_comparisons_at_once_need_wider_intervals(self) -> None:
        assert [round(simultaneous(pairs), 3) for pairs in (1, 2, 10)] == [1.96, 2.241, 2.807]

    def test_a_share_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="nothing"):
            share(0, 0)


def chance(hits: int, total: int, p: float) -> float:
    return comb(total, hits) * p**hits * (1 - p) ** (total - hits)


def held(found: Estimate | None, truth: float) -> bool:
    return found is None or found.low <= truth <= found.high


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.8), (0.7, 0.7), (0.5, 0.95), (0.3, 0.6)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(p: float, q: float) -> None:
    """Summed over every outcome of 40 and 30 examples, so that no random number decides."""
    n, m = 40, 30
    outcomes = [(i, j, chance(i, n, p) * chance(j, m, q)) for i, j in product(range(n + 1), range(m + 1))]
    outcomes = [each for each in outcomes if each[2] > 1e-9]
    covered = [
        sum(weight for i, _, weight in outcomes if held(share(i, n), p)),
        sum(weight for i, j, weight in outcomes if held(difference((i, n), (j, m)), p - q)),
        sum(weight for i, j, weight in outcomes if held(ratio((i, n), (j, m)), p / q)),
    ]
    assert all(0.92 < each < 0.985 for each in covered), covered


@pytest.mark.parametrize(("gains", "losses"), [(0.1, 0.05), (0.02, 0.02), (0.3, 0.1)])
def test_paired_intervals_hold_the_truth_about_as_often_as_they_say(gains: float, losses: float) -> None:
    n = 60
    covered = 0.0
    for gained in range(n + 1):
        for lost in range(n + 1 - gained):
            ways = comb(n, gained) * comb(n - gained, lost)
            weight = ways * gains**gained * losses**lost * (1 - gains - losses) ** (n - gained - lost)
            if weight > 1e-9 and held(paired_difference(gained, lost, n), gains - losses):
                covered += weight
    assert covered > 0.93
