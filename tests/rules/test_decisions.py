"""Which decisions filters mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from pipeline.rules.decisions import Asked
from pipeline.rules.times import Window
from pipeline.wire import Decision, Match, ModelRef, SourceRef

NOW = 1_764_000_000.0
KNIFE = Match("weapons", "0" * 12, "review", 0.7, 0.6, "", 0.0)
DICE = Match("gambling", "0" * 12, "label", 0.3, 0.2, "", 0.0)
DECISION = Decision(
    event_id="e" * 32,
    decision_id="d" * 32,
    image_id="cat",
    content_sha256="0" * 64,
    source=SourceRef("images", 3, 9),
    verdict="review",
    matches=[KNIFE],
    shadow=[DICE],
    scores={"weapons": 0.7, "gambling": 0.3, "tobacco": 0.1},
    policy_set="0123456789ab",
    model=ModelRef("tiny", "f00d", "float32"),
    preprocess="fast",
    frames=1,
    event_time="2026-03-01T00:00:00.000Z",
    decided_at="2026-03-01T00:00:00.000Z",
)
FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "image": ({"image": "cat"}, {"image": "ca"}),
    "verdict": ({"verdicts": frozenset({"review", "block"})}, {"verdicts": frozenset({"allow"})}),
    "policy": ({"policy": "weapons"}, {"policy": "tobacco"}),
    "policy in shadow": ({"policy": "gambling"}, {"policy": "nobody"}),
    "any score": ({"min_score": 0.7}, {"min_score": 0.700001}),
    "a policy's score": ({"min_score": 0.1, "policy": "tobacco"}, {"min_score": 0.2, "policy": "tobacco"}),
    "the score of no policy": ({"min_score": 0.0, "policy": "weapons"}, {"min_score": 0.0, "policy": "nobody"}),
    "since": ({"window": Window(since=NOW)}, {"window": Window(since=NOW + 0.001)}),
    "until": ({"window": Window(until=NOW + 0.001)}, {"window": Window(until=NOW)}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_means_what_it_says_and_nothing_else(name: str) -> None:
    right, wrong = FILTERS[name]
    assert Asked(**right).means(DECISION, NOW)
    assert not Asked(**wrong).means(DECISION, NOW)


@given(st.lists(st.sampled_from([*FILTERS]), unique=True), st.sampled_from([*FILTERS]))
def test_one_that_does_not_hold_is_enough(names: list[str], against: str) -> None:
    joined: dict[str, Any] = {}
    for name in names:
        joined |= FILTERS[name][0]
    wrong = FILTERS[against][1]
    assert not replace(Asked(**joined), **{"min_score": None, **wrong}).means(DECISION, NOW)


def test_what_is_flagged_is_what_was_enforced() -> None:
    assert Asked(flagged=True).means(DECISION, NOW)
    assert not Asked(flagged=True).means(changed(DECISION, matches=[]), NOW)


def test_dead_letters_have_nothing_that_is_of_policies() -> None:
    asked = {name: Asked(**FILTERS[name][0]).of_policies for name in FILTERS}
    assert {name for name, of in asked.items() if not of} == {"image", "since", "until"}
    assert Asked(flagged=True).of_policies
