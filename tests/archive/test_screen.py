"""Which texts the screen of an archive compares first."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.archive.screen.first import Sample, columns_first
from pipeline.archive.screen.layout import Layout
from pipeline.archive.screen.plan import Plan
from pipeline.archive.screen.sums import Scores
from pipeline.rules.archive.remembered import HALF
from tests.archive.search.queries import compiled, unit

NARROW = 1e-4


def _first(near: int, *, least: float = 0.5) -> tuple[Layout, np.ndarray, np.ndarray]:
    """Of rows that are all near the first lines of the background, or near as many as there are."""
    rng = np.random.default_rng(5)
    policies = compiled(rng, background=200, scale=60.0)
    layout = Layout.of([Plan.of(policies)], [False])
    lines = Plan.of(policies).background[1 : near + 1]
    rows = lines[np.arange(400) % near] + 0.3 * unit(rng, 400)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sample = Sample.of(layout, 60.0, rows.astype(HALF), [None])
    scores = Scores(NARROW, NARROW, None, sample.shift)
    return layout, *columns_first(layout, sample, scores, [1], np.array([least]))


@pytest.mark.parametrize("near", [1, 8])
def test_a_few_lines_that_most_images_show_come_first_with_the_prompts(near: int) -> None:
    layout, first, later = _first(near)
    assert len(first) < 40
    assert len(later) > 160
    assert sorted([*first, *later]) == list(range(len(layout.texts)))
    assert set(np.flatnonzero(layout.own.any(axis=1))) <= set(first)


def test_where_every_score_matters_all_texts_are_compared_at_once() -> None:
    layout, first, later = _first(8, least=0.0)
    assert len(first) == len(layout.texts)
    assert len(later) == 0
