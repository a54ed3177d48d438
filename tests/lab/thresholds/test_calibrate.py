"""Thresholds from data: they meet their targets on it, rest on no single image, and say when the data cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.evaluation.precision import (
    Counts,
    bayes,
    negatives_to_budget,
    negatives_to_show,
    positives_to_show,
    precision_of,
)
from pipeline.lab.evaluation.shares import share
from pipeline.lab.reviews.reviewed import Population, reviewed
from pipeline.lab.thresholds.calibrate import Choice, calibrate
from pipeline.lab.thresholds.curve import (
    Curve,
    average_precision,
    curve_of,
    curve_of_reviews,
    precision_at_recall,
)
from pipeline.lab.thresholds.targets import Target
from pipeline.rules.reviews.settled import Labelled, PolicyReviews
from pipeline.wire import Action


def curve(positives: Sequence[float], negatives: Sequence[float]) -> Curve:
    scores = np.array([*positives, *negatives], np.float64)
    return curve_of(scores, np.arange(len(scores)) < len(positives))


def one(found: Curve, target: Target, prevalence: float | None = None, before: float = 0.5) -> Choice:
    (choice,) = calibrate(found, {"review": before}, {"review": target}, prevalence)
    return choice


ROOMY = [*np.linspace(0.6, 0.95, 90), *np.linspace(0.3, 0.5, 10)]
"""A hundred positives, most of them clear."""


class TestTheCurve:
    def test_by_hand(self) -> None:
        """Two of three above one negative: precision 1 at recall 1/3 and 2/3, 3/4 at recall 1."""
        points = curve([0.9, 0.8, 0.4], [0.5, 0.1]).points()
        assert [(p.threshold, p.precision, p.recall) for p in points] == [
            (0.9, 1.0, 1 / 3),
            (0.8, 1.0, 2 / 3),
            (0.4, 0.75, 1.0),
        ]
        assert average_precision(points) == pytest.approx((1 + 1 + 0.75) / 3)
        assert [precision_at_recall(points, recall) for recall in (0.5, 2 / 3, 0.9)] == [1.0, 1.0, 0.75]

    def test_equal_scores_are_flagged_together(self) -> None:
        (point,) = curve([0.5, 0.5], [0.5, 0.1]).points()
        assert (point.precision, point.recall) == (2 / 3, 1.0)

    def test_counts_of_a_threshold_on_between_and_above_the_scores(self) -> None:
        found = curve([0.9, 0.8], [0.8, 0.1])
        counted = [found.counts(threshold) for threshold in (0.0, 0.5, 0.8, 0.85, 0.9, 0.95)]
        assert [(each.hits, each.false) for each in counted] == [(2, 2), (2, 1), (2, 1), (1, 0), (1, 0), (0, 0)]
        assert math.isnan(found.quality(0.95, None).precision.value)

    def test_rates_per_million(self) -> None:
        """Of four positives two, of a hundred negatives one; on a stream where one in a thousand shows it."""
        found = curve([0.9, 0.9, 0.1, 0.1], [0.9] + [0.1] * 99)
        quality = found.quality(0.5, 0.001)
        assert quality.false_per_million.value == pytest.approx(10_000)
        assert quality.flagged_per_million == pytest.approx(0.5 * 1_000 + 0.01 * 999_000)
        assert quality.precision.value == pytest.approx(500 / (500 + 9_990))
        assert found.quality(0.5, None).flagged_per_million == pytest.approx(3 / 104 * 1e6)


class TestPrecision:
    def test_it_follows_the_prevalence_by_bayes(self) -> None:
        assert bayes(0.8, 0.01, 0.001) == pytest.approx(0.0008 / (0.0008 + 0.00999))
        assert math.isnan(bayes(0, 0, 0.5))

    def test_at_the_prevalence_of_the_data_it_is_that_of_the_data(self) -> None:
        counts = Counts(hits=40, positives=50, false=5, negatives=150)
        at, plain = precision_of(counts, 0.25), precision_of(counts, None)
        assert at.value == pytest.approx(plain.value)
        assert at.low < plain.low < plain.value < plain.high < at.high

    @pytest.mark.parametrize(("precision", "positives"), [(0.5, 4), (0.9, 35), (0.95, 73), (0.99, 381)])
    def test_positives_that_a_flawless_threshold_needs(self, precision: float, positives: int) -> None:
        assert positives_to_show(precision) == positives
        assert share(positives, positives).low >= precision > share(positives - 1, positives - 1).low

    @pytest.mark.parametrize("prevalence", [0.001, 0.1, 0.9])
    def test_negatives_that_it_needs_at_a_prevalence(self, prevalence: float) -> None:
        needed = negatives_to_show(0.9, prevalence, 200)
        assert precision_of(Counts(200, 200, 0, needed), prevalence).low >= 0.9
        if needed > 1:
            assert precision_of(Counts(200, 200, 0, needed - 1), prevalence).low < 0.9

    def test_the_rule_of_three(self) -> None:
        assert negatives_to_budget(1_000) == pytest.approx(3 / 0.001, rel=0.003)
        assert (1 - 1e-3) ** negatives_to_budget(1_000) <= 0.05 < (1 - 1e-3) ** (negatives_to_budget(1_000) - 1)


class TestTheChosenThreshold:
    def test_it_is_the_lowest_that_reaches_the_target(self) -> None:
        """One negative among the clear positives may pass at 0.95; the two at 0.55 may not."""
        choice = one(curve(ROOMY, [0.7, 0.55, 0.55, 0.55, 0.55, 0.55, *[0.01] * 50]), Target(precision=0.95))
        counts = choice.quality.counts
        assert (counts.hits, counts.false, choice.problem) == (90, 1, "")
        assert choice.threshold is not None
        assert 0.55 < choice.threshold <= 0.6

    def test_it_flags_nothing_more_where_that_finds_nothing_more(self) -> None:
        """Three negatives between 0.1 and 0.3 could pass at 0.95, and bring not one image that shows it."""
        choice = one(curve([0.6] * 100, [0.1, 0.2, 0.3, *[0.01] * 97]), Target(precision=0.95))
        assert (choice.quality.counts.false, choice.threshold) == (0, 0.44)

    def test_it_stands_midway_between_scores_in_logits(self) -> None:
        """Between 0.02 and 0.5 the middle is 0.125, not 0.26."""
        choice = one(curve([0.5] * 100, [0.02] * 100), Target(precision=0.95))
        middle = 1 / (1 + math.exp(-(math.log(0.5 / 0.5) + math.log(0.02 / 0.98)) / 2))
        assert choice.threshold == round(middle, 2) == 0.13

    @pytest.mark.parametrize(
        ("low", "high", "threshold"),
        [
            (0.4, 0.5, 0.45),
            (0.411, 0.417, 0.414),  # two digits would stand outside
            (0.4091, 0.4149, 0.412),  # 0.41 is inside but off the middle
            (0.41201, 0.41203, 0.41202),  # the next short number would lose two of a hundred
            (0.999990, 0.999995, 0.999993),  # three digits reach nothing any more
        ],
    )
    def test_it_is_as_short_as_may_be(self, low: float, high: float, threshold: float) -> None:
        choice = one(curve([high] * 2 + [1.0] * 98, [low] * 100), Target(precision=0.95))
        assert choice.threshold == threshold

    def test_where_scores_crowd_it_is_the_next_short_number_that_reaches_the_target(self) -> None:
        crowd = [*np.linspace(0.41203, 0.4128, 20), 0.4131]
        choice = one(curve([*crowd, *[0.9] * 2_000], [0.41201] * 5_000), Target(precision=0.95))
        assert choice.threshold == 0.413

    def test_a_budget_counts_images_that_do_not_show_it(self) -> None:
        """Of 10,000, three may pass 300 per million; the fourth is one too many."""
        negatives = [*[0.5, 0.6, 0.7, 0.4], *[0.01] * 9_996]
        choice = one(curve([0.9, 0.55, 0.45, 0.3], negatives), Target(false_positives=300))
        assert (choice.quality.counts.hits, choice.quality.counts.false, choice.threshold) == (3, 3, 0.42)

    def test_both_targets_hold_where_both_are_given(self) -> None:
        target = Target(precision=0.9, false_positives=400)
        choice = one(curve([0.8] * 60 + [0.4] * 40, [*[0.5] * 5, *[0.01] * 9_995]), target)
        assert choice.quality.counts.false == 0

    def test_a_prevalence_raises_it(self) -> None:
        """Balanced data flatter: a stream with one in a hundred wants far fewer false flags."""
        negatives = list(np.linspace(0.001, 0.8, 20_000))
        plain, rare = (
            one(curve(ROOMY, negatives), Target(precision=0.2), prevalence) for prevalence in (None, 0.0005)
        )
        assert plain.threshold is not None
        assert rare.threshold is not None
        assert plain.threshold < rare.threshold
        assert rare.quality.precision.value >= 0.2


class TestSeveralActions:
    def test_a_severer_one_is_never_below_a_milder(self) -> None:
        """Its own target alone would let block begin at 0.45."""
        found = curve([0.9] * 400 + [0.5] * 80, [0.7] + [0.4] * 200)
        targets: dict[Action, Target] = {"review": Target(precision=0.99), "block": Target(precision=0.5)}
        review, block = calibrate(found, {"block": 0.9, "review": 0.6}, targets, None)
        assert (review.action, block.action) == ("review", "block")
        assert review.threshold == block.threshold
        assert "equal to review" in block.notes[0]

    def test_one_without_a_target_stays_unless_a_milder_one_passes_it(self) -> None:
        found = curve([0.9] * 100, [0.8] * 100)
        targets: dict[Action, Target] = {"label": Target(precision=0.95)}
        label, stays, raised = calibrate(found, {"label": 0.1, "review": 0.99, "block": 0.99}, targets, None)
        assert (label.threshold, stays.threshold, raised.threshold) == (0.86, 0.99, 0.99)
        assert stays.notes[0] == "no target given, so it stays"
        _, raised = calibrate(found, {"label": 0.1, "review": 0.3}, targets, None)
        assert (raised.threshold, raised.notes[0]) == (0.86, "raised, not to be below label")

    def test_a_milder_one_that_stays_is_a_floor(self) -> None:
        found = curve([0.9] * 100 + [0.3] * 100, [0.1] * 100)
        targets: dict[Action, Target] = {"block": Target(precision=0.95)}
        _, block = calibrate(found, {"review": 0.6, "block": 0.8}, targets, None)
        assert block.threshold == 0.6
        _, block = calibrate(found, {"review": 0.95, "block": 0.96}, targets, None)
        assert block.threshold is None
        assert block.problem.endswith("is reached only below review (0.95); give review a target too")


class TestWhatTheDataCannotTell:
    def test_too_few_positives_and_how_many_more(self) -> None:
        choice = one(curve([0.9] * 40, [0.1] * 1_000), Target(precision=0.95))
        assert "it takes 33 more images that show it" in choice.unproven
        assert choice.quality.counts.hits == 40

    def test_too_few_negatives_for_a_budget(self) -> None:
        choice = one(curve([0.9] * 40, [0.1] * 1_000), Target(false_positives=100))
        assert f"it takes {negatives_to_budget(100) - 1_000:,} more images that do not" in choice.unproven

    def test_too_few_negatives_at_a_prevalence(self) -> None:
        choice = one(curve([0.9] * 400, [0.1] * 1_000), Target(precision=0.9), prevalence=0.001)
        more = f"it takes {negatives_to_show(0.9, 0.001, 400) - 1_000:,} more images that do not"
        assert more in choice.unproven

    def test_nothing_to_tell_it_from(self) -> None:
        choice = one(curve([0.9] * 100, []), Target(precision=0.9))
        assert choice.threshold is None
        assert "1 more images that do not" in choice.problem

    def test_a_target_out_of_reach_says_how_near_it_comes(self) -> None:
        choice = one(curve([0.9] * 100, [0.9] * 25), Target(precision=0.95))
        assert choice.threshold is None
        assert "no threshold reaches precision 0.95: the best precision is 0.800, at recall 1.00" in choice.problem
        budget = one(curve([0.9] * 100, [0.9] * 25 + [0.1] * 9_975), Target(false_positives=1_000))
        assert "the fewest false positives are 2,500 per million" in budget.problem

    def test_a_threshold_that_rests_on_few_images_is_a_guess_and_says_so(self) -> None:
        """A hundred images that show it would be enough, but five of them are all that it flags."""
        few = curve([0.9] * 5 + [0.1] * 95, [0.5] * 100)
        choice = one(few, Target(precision=0.95))
        assert choice.threshold is not None
        assert choice.unproven.endswith("it rests on 5 flagged images; it takes 73 to show 0.95")
        (shown,) = calibrate(few, {"review": 0.5}, {"review": Target(precision=0.95)}, None, guesses=False)
        assert (shown.threshold, shown.unproven) == (None, "")
        assert "a guess takes no shown threshold's place" in shown.problem

    def test_one_that_finds_few_of_many_is_a_guess_on_a_stream_too(self) -> None:
        """Fifty thousand that do not show it are enough where all that do are found, and not where five are."""
        few, many = (curve([0.9] * hits + [0.1] * (100 - hits), [0.5] * 50_000) for hits in (5, 100))
        choice = one(few, Target(precision=0.9), prevalence=0.001)
        enough = negatives_to_show(0.9, 0.001, 100, 5)
        assert f"with so few it takes {enough:,} that do not to show 0.9" in choice.unproven
        assert precision_of(Counts(5, 100, 0, enough), 0.001).low >= 0.9
        assert one(many, Target(precision=0.9), prevalence=0.001).unproven == ""

    def test_a_severer_action_keeps_its_threshold_where_few_give_it_no_hope(self) -> None:
        targets: dict[Action, Target] = {"review": Target(precision=0.7), "block": Target(precision=0.95)}
        found = curve([0.9] * 5 + [0.6] * 95, [0.6] * 20 + [0.1] * 100)
        review, block = calibrate(found, {"review": 0.5, "block": 0.97}, targets, None)
        assert (review.unproven, review.quality.counts.hits) == ("", 100)
        assert block.threshold == 0.97
        assert "no guess at precision 0.95" in block.unproven
        assert "rests on 5 flagged images; it takes 73 to show 0.95" in block.unproven

    def test_flagging_everything_is_said(self) -> None:
        choice = one(curve([0.9] * 99 + [0.05], [0.1] * 10), Target(precision=0.5))
        assert choice.quality.counts.false == 10
        assert "flags every image of the data" in choice.notes


class TestABestGuess:
    """Thirteen spiders are too few to show a precision of 0.95, and enough to find spiders by."""

    SPIDERS = (0.31, 0.42, 0.5, 0.66, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)

    def test_where_they_are_told_apart_it_stands_between_them_and_says_what_it_rests_on(self) -> None:
        choice = one(curve(self.SPIDERS, [0.012, *[0.001] * 39]), Target(precision=0.95), before=0.9)
        assert choice.threshold is not None
        assert (choice.quality.counts.hits, choice.quality.counts.false) == (13, 0)
        assert 0.012 < choice.threshold < 0.31
        said = choice.unproven
        assert "told apart without a mistake" in said
        assert "13 of 13 that show it (77 to 100 %) and 0 of 40 that do not (0 to 9 %)" in said
        assert "it takes 60 more images that show it" in said

    def test_one_that_scores_high_and_is_none_is_left_out_at_the_cost_of_some_that_are(self) -> None:
        """Flagging it too would let a precision of 0.9 be expected (13.5 / 15); without it, 0.95 (11.5 / 12)."""
        choice = one(curve(self.SPIDERS, [0.45, *[0.001] * 39]), Target(precision=0.95))
        assert (choice.quality.counts.hits, choice.quality.counts.false) == (11, 0)
        assert "told apart" not in choice.unproven
        modest = one(curve(self.SPIDERS, [0.45, *[0.001] * 39]), Target(precision=0.89))
        assert (modest.quality.counts.hits, modest.quality.counts.false) == (13, 1)

    def test_a_severer_action_that_cannot_be_expected_to_reach_its_target_stays(self) -> None:
        """Fourteen images do not let a precision of 0.99 be hoped for, and what is blocked is gone."""
        targets: dict[Action, Target] = {"review": Target(precision=0.9), "block": Target(precision=0.99)}
        found = curve(self.SPIDERS, [0.01] * 40)
        review, block = calibrate(found, {"review": 0.5, "block": 0.9}, targets, None)
        assert review.threshold is not None
        assert review.threshold < 0.31
        assert (block.threshold, block.problem) == (0.9, "")
        assert block.unproven.startswith("no guess at precision 0.99: too few images")
        shown = calibrate(found, {"review": 0.5, "block": 0.9}, targets, None, guesses=False)
        assert [each.threshold for each in shown] == [None, None]

    def test_for_a_budget_it_is_the_cut_with_the_fewest_false_that_finds_most(self) -> None:
        choice = one(curve(self.SPIDERS, [0.45, *[0.001] * 39]), Target(false_positives=100))
        assert (choice.quality.counts.hits, choice.quality.counts.false) == (11, 0)

    def test_what_it_rests_on_is_said_of_the_threshold_that_is_written(self) -> None:
        """A precision of 0.5 may be expected with the next below; the threshold goes above it, and loses nothing."""
        choice = one(curve([0.9, 0.1, 0.1], [0.7, *[0.1] * 80]), Target(precision=0.5))
        assert (choice.quality.counts.hits, choice.quality.counts.false) == (1, 0)
        assert "it flags 1 of 3 that show it (6 to 79 %) and 0 of 81 that do not" in choice.unproven

    def test_none_is_made_that_its_own_images_refute(self) -> None:
        """Three that score among a hundred and fifty that do not show it: most of what any cut flags is wrong."""
        found = curve([0.3, 0.2, 0.1], np.linspace(0.05, 0.9, 150).tolist())
        choice = one(found, Target(precision=0.99), before=0.9)
        assert (choice.threshold, choice.unproven) == (None, "")
        assert "no guess at precision 0.99, since the images refute it: the best cut flags 3 of 3" in choice.problem
        assert "sluice policy try" in choice.problem
        assert one(found, Target(false_positives=1_000)).problem.count("false positives per million") == 2
        assert one(found, Target(precision=0.01)).problem == "", "what is asked is left possible"

    def test_one_heavy_review_is_not_many_images(self) -> None:
        """Forty flagged, of which one stands for a hundred: as much is told by two of equal weight."""
        labels = [Labelled(str(at), "", "yes", 100.0 if at == 0 else 1.0) for at in range(40)]
        labels += [Labelled(f"{label}{at}", "", label, 100.0) for label in ("yes", "no", "no") for at in range(100)]
        population = Population.of(30_139, {0.9: 139, 0.4: 30_139})
        scored = list(zip(labels, [0.9] * 40 + [0.4] * 300, strict=True))
        sample = reviewed(scored, population, PolicyReviews(tuple(labels)))
        choice = one(curve_of_reviews(sample), Target(precision=0.9))
        assert choice.quality.counts.hits == 40
        assert "rests on 40 flagged images, worth 1 of equal weight; it takes 35 to show 0.9" in choice.unproven

    def test_reviews_of_a_sample_count_as_many_images_as_they_stand_for(self) -> None:
        """Ten hits of weight 1 and a miss of weight 100: the best cut leaves the heavy one out."""
        labels = [Labelled(str(at), "", "yes", 1.0) for at in range(10)]
        labels += [Labelled(f"n{at}", "", "no", 100.0) for at in range(2)]
        scored = [(label, 0.9) for label in labels[:10]] + [(labels[10], 0.5), (labels[11], 0.1)]
        sample = reviewed(scored, Population.of(210, {0.5: 110}), PolicyReviews(tuple(labels)))
        choice = one(curve_of_reviews(sample), Target(precision=0.9))
        assert choice.threshold is not None
        assert (choice.quality.counts.hits, choice.quality.counts.false) == (10, 0)


@given(
    st.lists(st.integers(600_000, 999_999), min_size=1, max_size=30),
    st.lists(st.integers(0, 400_000), min_size=1, max_size=60),
    st.sampled_from([Target(precision=0.95), Target(precision=0.5), Target(false_positives=10), Target(0.9, 10)]),
    st.sampled_from([None, 0.01]),
)
def test_however_few_a_flawless_parting_leaves_no_recall_on_the_table(
    high: list[int], low: list[int], target: Target, prevalence: float | None
) -> None:
    choice = one(curve([each / 1e6 for each in high], [each / 1e6 for each in low]), target, prevalence)
    assert choice.threshold is not None
    assert (choice.quality.counts.hits, choice.quality.counts.false) == (len(high), 0)


def scored() -> st.SearchStrategy[Any]:
    score = st.integers(0, 1_000_000).map(lambda millionths: millionths / 1e6)
    near = st.integers(500_000, 500_060).map(lambda millionths: millionths / 1e6)
    coarse = st.integers(0, 20).map(lambda twentieths: twentieths / 20)
    return st.tuples(*(st.lists(st.one_of(score, near, coarse), min_size=1, max_size=60) for _ in range(2)))


def targets() -> st.SearchStrategy[Target]:
    precision = st.one_of(st.none(), st.floats(0.01, 0.6))
    budget = st.one_of(st.none(), st.floats(200_000, 999_000))
    return st.builds(Target, precision, budget).filter(lambda target: target != Target())


@given(scored(), st.lists(targets(), min_size=3, max_size=3), st.sampled_from([None, 0.3, 0.9]))
def test_what_is_chosen_meets_its_target_on_the_data_in_order_and_no_lower_one_finds_more(
    data: tuple[list[float], list[float]], asked: list[Target], prevalence: float | None
) -> None:
    found = curve(*data)
    before: dict[Action, float] = {"label": 0.2, "review": 0.4, "block": 0.6}
    choices = calibrate(found, before, dict(zip(get_args(Action), asked, strict=True)), prevalence)
    supported = [choice for choice in choices if choice.threshold is not None and not choice.unproven]
    for choice in supported:
        assert choice.threshold is not None
        assert choice.target is not None
        assert 0 <= choice.threshold <= 1
        assert choice.quality == found.quality(choice.threshold, prevalence)
        assert meets(found, choice.threshold, choice.target, prevalence)
        assert choice.threshold == round(choice.threshold, 6)
    if len(supported) == 3:
        assert all(milder.threshold <= severer.threshold for milder, severer in pairwise(supported))
    first = choices[0]
    shown = first.threshold is not None and not first.unproven
    if shown and first.threshold is not None and first.threshold == round(first.threshold, 3):
        assert first.target is not None
        lower = [level for level in found.levels if level <= first.threshold - 0.001]
        reaching = [level for level in lower if meets(found, float(level), first.target, prevalence)]
        assert all(found.counts(level).hits <= first.quality.counts.hits for level in reaching)


@given(scored(), targets())
def test_calibrating_again_with_the_result_changes_nothing(
    data: tuple[list[float], list[float]], target: Target
) -> None:
    found = curve(*data)
    first = one(found, target)
    again = one(found, target, before=first.before if first.threshold is None else first.threshold)
    assert again.threshold == first.threshold


def meets(found: Curve, threshold: float, target: Target, prevalence: float | None) -> bool:
    """Counted anew from the scores' counts, not by the code that chose."""
    counts = found.counts(threshold)
    if not counts.hits:
        return False
    recall, false = counts.hits / counts.positives, counts.false / counts.negatives
    precision = counts.hits / (counts.hits + counts.false) if prevalence is None else bayes(recall, false, prevalence)
    enough = target.precision is None or precision >= target.precision
    return enough and (target.false_positives is None or false * 1e6 <= target.false_positives * (1 + 1e-12))
