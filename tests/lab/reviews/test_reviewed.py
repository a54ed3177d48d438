"""What a threshold does on a stream as far as reviews tell, and what is said of those that nobody looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.reviews.reviewed import Counter, Population
from tests.lab.reviews.made import Seen, sample

FLAGGED: list[Seen] = [(0.9, "yes", 1.0)] * 60 + [(0.7, "no", 1.0)] * 20 + [(0.8, "unsure", 1.0)] * 5
BELOW: list[Seen] = [(0.3, "yes", 100.0)] * 2 + [(0.1, "no", 100.0)] * 98
SCORES = [0.9] * 60 + [0.7] * 20 + [0.8] * 5 + [0.3] * 200 + [0.1] * 9_800


class TestNumbers:
    def test_are_of_the_stream_and_not_of_what_was_reviewed(self) -> None:
        found = sample([*FLAGGED, *BELOW], SCORES).at(0.6)
        assert found.precision.value == pytest.approx(60 / 80)
        assert found.recall.value == pytest.approx(60 / 260)
        assert found.false_per_million.value == pytest.approx(20 / 9_820 * 1e6)
        assert found.flagged_per_million == pytest.approx(85 / 10_085 * 1e6)
        assert (found.flagged.reviewed, found.below.reviewed) == (85, 100)
        assert list(found.remarks()) == []

    def test_nobody_looked_below_so_recall_cannot_be_told(self) -> None:
        found = sample(FLAGGED, SCORES).at(0.6)
        assert found.precision.value == pytest.approx(0.75)
        assert math.isnan(found.recall.value)
        assert math.isnan(found.false_per_million.value)
        assert list(found.remarks()) == ["of 10,000 images below 0.6, none was reviewed: recall cannot be told"]

    def test_those_below_who_were_chosen_with_no_chance_given_stand_for_themselves_alone(self) -> None:
        without = [(score, label, 1.0) for score, label, _ in BELOW]
        found = sample([*FLAGGED, *without], SCORES).at(0.6)
        assert math.isnan(found.recall.value)
        assert list(found.remarks()) == ["of 10,000 images below 0.6, reviews stand for 100: recall cannot be told"]

    def test_a_lower_threshold_than_was_looked_at_says_so_of_its_precision(self) -> None:
        found = sample(FLAGGED, SCORES).at(0.2)
        assert next(found.remarks()).startswith("of 285 images from 0.2 on, reviews stand for 85: the precision is")

    def test_unsure_speaks_for_no_share_and_for_having_been_looked_at(self) -> None:
        found = sample([(0.9, "unsure", 1.0)] * 50, [0.9] * 50).at(0.5)
        assert math.isnan(found.precision.value)
        assert found.flagged.told


class TestAPopulation:
    @given(st.lists(st.integers(0, 10**6), max_size=50), st.integers(0, 10**4))
    def test_is_counted_exactly_at_thresholds_of_four_digits(self, micro: list[int], threshold: int) -> None:
        scores = np.array(micro, np.float64) / 10**6
        counter = Counter()
        counter.count(scores)
        at = threshold / 10**4
        assert counter.population.at_least(at) == int((scores >= at).sum())
        assert counter.population.images == len(micro)

    def test_may_be_known_at_some_thresholds_alone(self) -> None:
        known = Population.of(1_000, {0.6: 40, 0.9: 7})
        assert [known.at_least(each) for each in (0.0, 0.6, 0.61, 0.9, 1.0)] == [1_000, 40, 7, 7, 0]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 50)), min_size=1, max_size=30), st.integers(1, 5))
def test_what_is_told_of_all_levels_at_once_is_told_of_each(seen: list[tuple[int, int]], more: int) -> None:
    reviews: list[Seen] = [(score / 20, "no", float(weight)) for score, weight in seen]
    found = sample(reviews, [score for score, _, _ in reviews for _ in range(more * 20)])
    levels = np.unique(found.scores)
    assert found.told_from(levels).tolist() == [found.at(float(level)).flagged.told for level in levels]
