"""What a person reads of an explanation: a score that is none comes from nowhere, and each frame has its number."""

from __future__ import annotations

import pytest

from pipeline.lab.explain import words
from pipeline.lab.explain.record import Explanation, HeatRecord, SeenView, Why, Without
from pipeline.signals import WHOLE
from pipeline.wire import ModelRef, Region

FIRST, THIRD = Region(0, WHOLE), Region(3, WHOLE)


def why(score: float, *others: Region) -> Why:
    heat = HeatRecord(FIRST, (0.5, 0.5), (0.1, 0.1, 0.4, 0.4), [Without("blurred", 0.0, 0.0)], [])
    views = [SeenView(each, score, 0) for each in (FIRST, *others)]
    return Why("gore", "Gore", "v", "enforce", score, None, [], [], "prompts", FIRST, [], [], views, heat)


@pytest.mark.parametrize(("score", "somewhere"), [(0.0, False), (0.0004, False), (0.0006, True), (0.9, True)])
def test_a_score_that_reads_as_nothing_comes_from_nowhere(score: float, somewhere: bool) -> None:
    said = list(words.proof(why(score)))
    assert words.says_where(why(score)) == somewhere
    assert said[0].startswith("It comes from 10% to 40% across") == somewhere
    if not somewhere:
        assert said == ["A score of 0.000 comes from no part of the picture: its map says nothing."]


def test_the_first_frame_of_an_animation_is_named_as_the_others_are() -> None:
    assert [row[0] for row in words.view_rows(why(0.5, THIRD))] == [
        "frame 0, the whole picture",
        "frame 3, the whole picture",
    ]
    assert [row[0] for row in words.view_rows(why(0.5))] == ["the whole picture"]


def test_what_maps_cost_is_told_where_there_are_any() -> None:
    found = Explanation("a.jpg", "allow", "set", ModelRef("tiny", "f00d", "float32"), "fast", {}, [], passes=1166)
    assert words.effort(found) == "The model was shown 1,166 views more for this."
    assert words.effort(Explanation("a.jpg", "allow", "set", found.model, "fast", {}, [])) == ""
