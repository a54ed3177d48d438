"""How large a pass on a CPU should be, found by trials that cost little."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.adapters.open_clip.passes import LONG, best_pass


def costing(
    each: Callable[[int], float], clock: float = 0.0
) -> tuple[list[int], Callable[[int], tuple[float, float]]]:
    """A trial that costs so much CPU an image, and the sizes that it was asked for."""
    asked: list[int] = []

    def trial(size: int) -> tuple[float, float]:
        asked.append(size)
        return size * each(size), clock * size

    return asked, trial


@pytest.mark.parametrize(
    ("each", "best"),
    [
        (lambda size: 1 + 10 / size, 64),  # what a pass costs at all is shared by more images
        (lambda size: 1 + abs(size - 16) / 16, 16),  # beyond 16 the caches overflow
        (lambda size: 1 - size / 10_000, 8),  # what is better by less than the noise is not better
    ],
)
def test_the_size_that_costs_the_least_an_image(each: Callable[[int], float], best: int) -> None:
    asked, trial = costing(each)
    assert best_pass(trial, 64) == best
    assert sorted({*asked}) == [8, 16, 32, 64]


def test_no_trial_follows_one_that_took_long() -> None:
    asked, trial = costing(lambda size: 1 / size, clock=LONG / 12)
    assert best_pass(trial, 64) == 16
    assert {*asked} == {8, 16}


def test_no_trial_is_larger_than_a_batch() -> None:
    asked, trial = costing(lambda size: 1 / size)
    assert best_pass(trial, 3) == 3
    assert {*asked} == {3}
