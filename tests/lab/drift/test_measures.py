"""Measures of drift: nothing where nothing has changed, whatever the sizes, and much where much has."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.lab.drift.measures import (
    LEAST_DAYS,
    chance,
    discrepancies,
    each_against_the_others,
    mean_shift,
    stability,
)
from pipeline.lab.drift.reservoir import Reservoir

RNG = np.random.default_rng(7)
SHARES = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])


def test_stability_is_that_of_the_formula_less_what_chance_gives() -> None:
    one, other = np.array([5_000, 5_000]), np.array([2_000, 8_000])
    plain = (0.5 - 0.2) * np.log(0.5 / 0.2) + (0.5 - 0.8) * np.log(0.5 / 0.8)
    assert stability(one, other) == pytest.approx(plain, abs=1e-3)
    assert stability(one, np.array([0, 0])) == 0
    assert np.isfinite(stability(np.array([10, 0]), np.array([0, 10])))


@pytest.mark.parametrize(("n", "m"), [(200, 6_000), (5_000, 5_000)])
def test_draws_of_one_distribution_have_a_stability_of_0_on_average(n: int, m: int) -> None:
    drawn = [stability(RNG.multinomial(n, SHARES), RNG.multinomial(m, SHARES)) for _ in range(400)]
    spread = 5 * (1 / n + 1 / m)
    assert abs(np.mean(drawn)) < 0.2 * spread


def test_a_day_that_is_unlike_the_others_stands_out() -> None:
    days = RNG.multinomial(1_000, SHARES, size=31)
    days[-1] = RNG.multinomial(1_000, SHARES[::-1])
    found = each_against_the_others(days)
    assert found.argmax() == len(days) - 1
    assert chance(found[-1], found[:-1]) == pytest.approx(1 / 31)


def test_the_rank_of_a_day_is_right_as_often_as_it_says_where_days_differ() -> None:
    """Images of one day are alike, so a test that takes them for independent ones would call most days drift."""
    drifted = 0
    for _ in range(300):
        days = np.stack([RNG.multinomial(1_000, RNG.dirichlet(40 * SHARES)) for _ in range(31)])
        found = each_against_the_others(days)
        drifted += (chance(found[-1], found[:-1]) or 1) <= 0.05
    assert drifted / 300 < 0.08


def test_too_few_days_tell_nothing() -> None:
    assert chance(9.0, np.zeros(LEAST_DAYS - 1)) is None
    assert chance(9.0, np.zeros(LEAST_DAYS)) == pytest.approx(0.05)
    assert chance(0.0, np.zeros(LEAST_DAYS)) == 1


def unit_rows(count: int, centre: float = 0.0) -> np.ndarray:
    rows = RNG.normal(size=(count, 16))
    rows[:, 0] += centre
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_discrepancy_is_about_0_for_days_alike_and_finds_the_one_that_is_not() -> None:
    days = [unit_rows(64) for _ in range(20)]
    assert np.abs(discrepancies(days)).max() < 0.02
    found = discrepancies([*days, unit_rows(64, 2.0)])
    assert found.argmax() == 20
    assert found[-1] > 0.05


def test_discrepancy_is_that_of_the_definition() -> None:
    one, other = unit_rows(5), unit_rows(7, 1.0)
    rows = np.concatenate([one, other])
    apart = 1 - rows @ rows.T
    kernel = np.exp(-apart / np.median(apart[np.triu_indices(12, 1)]))
    within = [(kernel[:5, :5].sum() - np.trace(kernel[:5, :5])) / 20]
    within.append((kernel[5:, 5:].sum() - np.trace(kernel[5:, 5:])) / 42)
    assert discrepancies([one, other])[0] == pytest.approx(sum(within) - 2 * kernel[:5, 5:].mean(), abs=1e-5)


def test_the_mean_shift_is_of_directions_alone() -> None:
    assert mean_shift(np.array([1.0, 0]), np.array([5.0, 0])) == 0
    assert mean_shift(np.array([1.0, 0]), np.array([0, 3.0])) == 1
    assert mean_shift(np.zeros(2), np.array([0, 3.0])) == 0


def test_a_reservoir_keeps_each_with_the_same_chance_and_repeats_itself() -> None:
    def kept(seed: int) -> list[int]:
        reservoir = Reservoir[int](10, seed)
        for start in range(0, 100, 25):
            for at, place in reservoir.places(25):
                reservoir.put(place, start + at)
        assert reservoir.seen == 100
        return reservoir.kept

    assert kept(3) == kept(3)
    counts = np.bincount([each for seed in range(1_000) for each in kept(seed)], minlength=100)
    assert counts.sum() == 10_000
    assert counts.min() > 60
    assert counts.max() < 145
