"""Totals and shares of a stream from images that were chosen with unequal chances."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lab.evaluation.shares import share
from pipeline.lab.evaluation.weighted import Tally, part, total


def tally(weights: Sequence[float], heaviest: float = 1.0) -> Tally:
    found = np.array(weights, np.float64)
    return Tally(len(found), float(found.sum()), float((found**2).sum()), max([heaviest, *weights]))


class TestATotal:
    @pytest.mark.parametrize(
        ("images", "low", "high"),
        [(0, 0, 3.689), (5, 1.624, 11.668), (10, 4.795, 18.390), (100, 81.364, 121.627)],
    )
    def test_of_equal_weights_has_the_exact_interval_of_a_poisson_count(
        self, images: int, low: float, high: float
    ) -> None:
        """The limits are those of Garwood (1936), as tables give them."""
        found = total(tally([1.0] * images))
        assert found.value == images
        assert found.low == pytest.approx(low, rel=0.03)
        assert found.high == pytest.approx(high, rel=0.03)

    def test_of_nothing_that_was_seen_may_still_be_as_much_as_the_chance_allows(self) -> None:
        assert total(tally([], 100.0)).high == pytest.approx(368.9, rel=0.01)

    @given(st.lists(st.floats(1, 1e4), max_size=30), st.floats(1, 1e6))
    def test_grows_with_the_weights(self, weights: list[float], scale: float) -> None:
        one, other = total(tally(weights)), total(Tally(*_scaled(tally(weights), scale)))
        assert one.low <= one.value <= one.high
        for each, scaled in zip((one.low, one.value, one.high), (other.low, other.value, other.high), strict=True):
            assert scaled == pytest.approx(each * scale, rel=1e-9)


def _scaled(of: Tally, by: float) -> tuple[int, float, float, float]:
    return of.images, of.weight * by, of.squares * by * by, of.heaviest * by


class TestAShare:
    @pytest.mark.parametrize(("hits", "images"), [(50, 50), (95, 100), (20, 40), (3, 300), (0, 30)])
    def test_of_equal_weights_has_nearly_the_interval_of_a_plain_one(self, hits: int, images: int) -> None:
        found, plain = part(tally([1.0] * hits), tally([1.0] * (images - hits))), share(hits, images)
        assert found.value == plain.value
        assert found.low == pytest.approx(plain.low, abs=0.03)
        assert found.high == pytest.approx(plain.high, abs=0.03)

    def test_that_is_1_on_what_was_seen_knows_of_what_was_hardly_looked_for(self) -> None:
        """Fifty found of one each; nothing missed among those that stand for a hundred each."""
        found = part(tally([1.0] * 50), tally([], 100.0))
        assert (found.value, found.high) == (1.0, 1.0)
        assert found.low < 0.15
        assert part(tally([1.0] * 50), tally([])).low > 0.92

    def test_of_nothing_is_unknown(self) -> None:
        found = part(tally([]), tally([]))
        assert math.isnan(found.value)
        assert (found.low, found.high) == (0.0, 1.0)

    @given(st.lists(st.floats(1, 1e4), max_size=20), st.lists(st.floats(1, 1e4), max_size=20), st.floats(1, 1e4))
    def test_lies_in_its_interval_and_both_parts_make_one(
        self, these: list[float], rest: list[float], heaviest: float
    ) -> None:
        one, other = (part(*each) for each in (_both(these, rest, heaviest), _both(rest, these, heaviest)))
        if these or rest:
            assert 0 <= one.low <= one.value <= one.high <= 1
            assert one.value + other.value == pytest.approx(1)
            assert one.low + other.high == pytest.approx(1)


def _both(these: list[float], rest: list[float], heaviest: float) -> tuple[Tally, Tally]:
    return tally(these, heaviest), tally(rest, heaviest)


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_estimates_are_unbiased_and_intervals_hold_over_samples_with_unequal_chances(seed: int) -> None:
    """Four hundred samples of one stream: flagged images are looked at by half, all others by a twentieth.

    Bounds are five standard errors, so that no seed that hypothesis tries fails by chance.
    """
    rng, samples = np.random.default_rng(seed), 400
    flagged, shows = np.repeat([True, False], [300, 4000]), np.zeros(4300, bool)
    shows[:240] = shows[300:420] = True  # recall 240 of 360, precision 240 of 300
    chance = np.where(flagged, 0.5, 0.05)
    weights = 1 / chance
    totals, recalls, covered = [], [], 0
    for _ in range(samples):
        seen = rng.random(len(chance)) < chance
        cells = [tally(weights[seen & shows & of], weights[of][0]) for of in (flagged, ~flagged)]
        recall = part(*cells)
        totals.append(cells[0].weight + cells[1].weight)
        recalls.append(recall.value)
        covered += recall.low <= 240 / 360 <= recall.high
    error = float(np.std(totals)) / math.sqrt(samples)
    assert abs(float(np.mean(totals)) - 360) < 5 * error
    # A ratio of two totals has a bias of its own, in the order of its variance.
    bias = float(np.var(recalls))
    assert abs(float(np.mean(recalls)) - 240 / 360) < 5 * float(np.std(recalls)) / math.sqrt(samples) + 2 * bias
    assert covered >= 0.95 * samples - 5 * math.sqrt(samples * 0.95 * 0.05)
