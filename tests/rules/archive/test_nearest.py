"""The nearest of many, offered one after another in any order."""

from __future__ import annotations

import math
import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.archive.nearest import Nearest
from pipeline.signals import Features

NEVER = 2.0


def apart(count: int) -> Features:
    return np.eye(count, dtype=np.float32)


def offered(nearest: Nearest[int], scores: list[float], views: Features, order: list[int]) -> Nearest[int]:
    for image in order:
        nearest.offer(scores[image], views[image], image)
    return nearest


@given(st.lists(st.floats(0, 1), max_size=300), st.integers(1, 5), st.randoms())
def test_without_folding_it_holds_the_highest_scores(scores: list[float], most: int, chance: random.Random) -> None:
    order = list(range(len(scores)))
    chance.shuffle(order)
    found = offered(Nearest(most, NEVER), scores, np.ones((len(scores), 2), np.float32), order)
    assert [line.score for line, _ in found.lines()] == sorted(scores, reverse=True)[:most]
    assert all(count == 1 for _, count in found.lines())
    assert all(scores[line.found] == line.score for line, _ in found.lines())


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=1, max_size=200), st.randoms())
def test_copies_fold_into_the_best_of_them_in_whatever_order_they_come(
    images: list[tuple[int, float]], chance: random.Random
) -> None:
    """Each image is a copy of one of six pictures that have nothing in common."""
    scores, views = [score for _, score in images], apart(6)[[picture for picture, _ in images]]
    order = list(range(len(images)))
    chance.shuffle(order)
    found = offered(Nearest(3, 0.9), scores, views, order).lines()
    best = {picture: max(score for each, score in images if each == picture) for picture, _ in images}
    top = sorted(best.values(), reverse=True)[:3]
    assert [line.score for line, _ in found] == top
    for line, count in found:
        picture = images[line.found][0]
        least = top[-1] if len(top) == 3 else 0
        assert count == sum(each == picture and score >= least for each, score in images)


def test_an_image_between_two_lines_makes_them_one() -> None:
    first, second = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    found = Nearest[str](5, 0.7)
    found.offer(0.8, first, "left")
    found.offer(0.7, second, "right")
    found.offer(0.9, (first + second) / np.float32(math.sqrt(2)), "between")
    [(line, count)] = found.lines()
    assert (line.found, count) == ("between", 3)


def test_the_next_line_moves_up_where_two_become_one() -> None:
    found = offered(Nearest(2, 0.7), [0.8, 0.7, 0.6], apart(3), [0, 1, 2])
    assert [line.found for line, _ in found.lines()] == [0, 1]
    found.offer(0.9, np.array([1, 1, 0], np.float32), 9)
    assert [line.found for line, _ in found.lines()] == [9, 2]


def test_what_scores_below_the_floor_changes_nothing() -> None:
    found = offered(
        Nearest(2, NEVER), [score / 1000 for score in range(1000)], np.ones((1000, 2), np.float32), list(range(1000))
    )
    floor, before = found.floor, found.lines()
    assert -math.inf < floor < before[-1][0].score
    found.offer(math.nextafter(floor, 0), np.ones(2, np.float32), -1)
    assert found.lines() == before


def test_nothing_was_found_before_anything_was_offered() -> None:
    found = Nearest[int](3, 0.9)
    assert (found.best, found.floor, found.lines()) == (-math.inf, -math.inf, [])


def test_only_lines_that_score_enough_are_told() -> None:
    found = offered(Nearest(3, 0.9), [0.9, 0.4], apart(2), [0, 1])
    assert [line.found for line, _ in found.lines(0.5)] == [0]
    assert found.lines(0.95) == []
