"""Top-k, groups, gaps, gains, shifts and calibration, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lab.data.dataset import Example
from pipeline.lab.evaluation.metrics import by_class, by_group, gain, largest_gap, shift, top_k
from pipeline.lab.evaluation.reliability import reliability
from pipeline.lab.evaluation.shares import share
from pipeline.lab.evaluation.zero_shot import Ranking

CLASSES = ("knife", "dice", "cat")


def ranking(*rows: tuple[str, int, str] | tuple[str, int, str, str]) -> Ranking:
    """Rows of labels (separated by ``;``), place, what came first, and the group."""
    examples = [Example("x", lambda: b"", tuple(row[0].split(";")), row[3] if len(row) > 3 else None) for row in rows]
    places = np.array([row[1] for row in rows], np.intp)
    first = np.array([CLASSES.index(row[2]) for row in rows], np.intp)
    return Ranking(tuple(examples), places, first, np.full(len(rows), 0.5))


def of_group(name: str, hits: int, total: int) -> list[tuple[str, int, str, str]]:
    return [("knife", int(index >= hits), "knife" if index < hits else "dice", name) for index in range(total)]


def test_top_k_counts_places_and_leaves_out_a_k_that_takes_in_every_class() -> None:
    found = ranking(("knife", 0, "knife"), ("cat", 4, "dice"), ("cat", 5, "dice"), ("dice", 0, "dice"))
    top1, top5 = top_k(found, classes=6)
    assert (top1.k, top1.accuracy) == (1, share(2, 4))
    assert (top5.k, top5.accuracy) == (5, share(3, 4))
    assert [each.k for each in top_k(found, classes=5)] == [1]


def test_groups_come_in_natural_order_and_examples_without_one_are_left_out() -> None:
    found = by_group(
        ranking(
            *of_group("16 px", 1, 2),
            *of_group("8 px", 3, 3),
            *of_group("128 px", 0, 1),
            ("cat", 0, "cat"),
            ("cat", 1, "dice"),
        ),
        CLASSES,
    )
    assert [(each.name, each.examples, each.accuracy.value) for each in found] == [
        ("8 px", 3, 1.0),
        ("16 px", 2, 0.5),
        ("128 px", 1, 0.0),
    ]
    assert [each.mistaken_for for each in found] == [None, "dice", "dice"]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=6))
def test_any_group_names_can_be_put_in_order(names: list[str]) -> None:
    rows = [("knife", 0, "knife", name) for name in names]
    assert {each.name for each in by_group(ranking(*rows), CLASSES)} == set(names)


def test_the_largest_gap_is_between_groups_large_enough_and_holds_for_all_pairs_at_once() -> None:
    rows = [*of_group("a", 48, 80), *of_group("b", 56, 70), *of_group("few", 0, 9)]
    gap = largest_gap(by_group(ranking(*rows), CLASSES))
    assert gap is not None
    assert (gap.best, gap.worst) == ("b", "a")
    assert (gap.difference.low, gap.difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    more = largest_gap(by_group(ranking(*rows, *of_group("c", 35, 50)), CLASSES))
    assert more is not None
    assert (more.best, more.worst, more.difference.value) == ("b", "a", gap.difference.value)
    assert more.difference.low < gap.difference.low, "three pairs, of which the widest was chosen"


def test_one_group_has_no_gap() -> None:
    assert largest_gap(by_group(ranking(*of_group("a", 9, 20), *of_group("few", 0, 9)), CLASSES)) is None


def test_the_worst_class_is_missed_again_and_again_not_once() -> None:
    rows = [("cat", 1, "dice")] + [("knife", 1, "cat")] * 6 + [("knife", 0, "knife")] * 2 + [("dice;cat", 0, "dice")]
    worst, *rest = by_class(ranking(*rows), CLASSES)
    assert (worst.name, worst.examples, worst.accuracy.value, worst.mistaken_for) == ("knife", 8, 0.25, "cat")
    assert [(each.name, each.examples) for each in rest] == [("cat", 2), ("dice", 1)]


def test_the_gain_is_of_examples_on_which_the_two_differ() -> None:
    ensemble = np.array([1, 1, 0, 0, 1, 1], bool)
    one = np.array([1, 0, 0, 1, 0, 1], bool)
    assert gain(ensemble, one).value == pytest.approx(1 / 6)


def test_a_shift_is_measured_over_the_classes_that_both_show() -> None:
    before = ranking(*[("knife", 0, "knife")] * 8, *[("knife", 1, "cat")] * 2, *[("dice", 1, "cat")] * 90)
    after = ranking(*[("knife", 0, "knife")] * 3, *[("knife", 1, "cat")] * 7, *[("cat", 0, "cat")] * 40)
    found = shift(before, after, "drawings", 3)
    assert found is not None
    assert (found.data, found.classes, found.before, found.after) == ("drawings", 1, share(8, 10), share(3, 10))
    assert [(top.k, top.accuracy) for top in found.top] == [(1, share(3, 10))]
    assert 0 <= found.ece <= 1
    assert found.kept is not None
    assert found.kept.value == pytest.approx(0.375)
    assert 0 < found.kept.low < 0.375 < found.kept.high < 1


def test_where_there_was_no_accuracy_none_can_be_kept() -> None:
    found = shift(ranking(("knife", 1, "cat")), ranking(("knife", 0, "knife")), "other", 2)
    assert found is not None
    assert found.kept is None


def test_data_with_no_class_in_common_cannot_be_compared() -> None:
    assert shift(ranking(("knife", 0, "knife")), ranking(("cat", 0, "cat")), "other", 2) is None


class TestReliability:
    def test_the_error_is_the_mean_distance_of_accuracy_from_confidence(self) -> None:
        """Two bins of two: |0.5 - 0.3| and |1.0 - 0.9|, each half of the examples."""
        found = reliability(np.array([0.9, 0.2, 0.9, 0.4]), np.array([True, False, True, True]), bins=2)
        assert [(each.examples, each.confidence, each.accuracy.value) for each in found.bins] == [
            (2, pytest.approx(0.3), 0.5),
            (2, pytest.approx(0.9), 1.0),
        ]
        assert found.ece == pytest.approx(0.15)
        assert found.overconfidence == pytest.approx(0.6 - 0.75)
        assert (found.bins[0].low, found.bins[0].high) == (0.2, 0.4)

    def test_a_model_that_is_as_sure_as_it_is_right_has_none(self) -> None:
        confidence = np.repeat([0.25, 0.5, 0.75], 4)
        right = np.array([1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0], bool)
        assert reliability(confidence, right).ece == pytest.approx(0)

    def test_examples_of_the_same_confidence_stay_together_whatever_their_order(self) -> None:
        """Sorted by class, such a run would otherwise be cut into bins that are all right and all wrong."""
        found = reliability(np.ones(100), np.arange(100) < 50)
        assert (len(found.bins), found.ece) == (1, pytest.approx(0.5))

    @given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
    def test_bins_hold_every_example_once_in_order(self, rows: list[tuple[float, bool]], bins: int) -> None:
        confidence, right = (np.array(column) for column in zip(*rows, strict=True))
        found = reliability(confidence, right, bins)
        assert sum(each.examples for each in found.bins) == len(rows)
        assert len(found.bins) <= bins
        ends = [end for each in found.bins for end in (each.low, each.high)]
        assert ends == sorted(ends)
        assert -1e-9 <= found.ece <= 1 + 1e-9
        assert abs(found.overconfidence) <= found.ece + 1e-9
