"""Which dead letters filters mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.dead_letters import FOREIGN, Wanted, ids_of, reason_of
from pipeline.rules.times import Window
from pipeline.wire import DeadLetter, SourceRef

NOW = 1_764_000_000.0
LETTER = DeadLetter(
    event_id="e" * 32,
    image_id="cat",
    stage="decode",
    reason="truncated",
    message="cut off",
    source=SourceRef("images", 3, 9),
    stored=SourceRef("dlq", 0, 7),
    policy_set="0123456789ab",
)
FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "reason": ({"reasons": frozenset({"truncated", "empty"})}, {"reasons": frozenset({"empty"})}),
    "stage": ({"stage": "decode"}, {"stage": "fetch"}),
    "policy set": ({"policy_set": "0123456789ab"}, {"policy_set": "0"}),
    "topic": ({"topic": "images"}, {"topic": "dlq"}),
    "partition": ({"partition": 3}, {"partition": 0}),
    "event id": ({"id": "e" * 32}, {"id": "e"}),
    "image id": ({"id": "cat"}, {"id": "ca"}),
    "place of the event": ({"id": "images[3]@9"}, {"id": "images[3]@8"}),
    "place of the dead letter": ({"id": "dlq[0]@7"}, {"id": "dlq[1]@7"}),
    "since": ({"window": Window(since=NOW)}, {"window": Window(since=NOW + 0.001)}),
    "until": ({"window": Window(until=NOW + 0.001)}, {"window": Window(until=NOW)}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_means_what_it_says_and_nothing_else(name: str) -> None:
    right, wrong = FILTERS[name]
    assert Wanted(**right).means(LETTER, NOW)
    assert not Wanted(**wrong).means(LETTER, NOW)
    assert not Wanted(**right).everything


@given(st.lists(st.sampled_from([*FILTERS]), unique=True), st.sampled_from([*FILTERS]))
def test_filters_join(names: list[str], against: str) -> None:
    joined: dict[str, Any] = {}
    for name in names:
        for key, value in FILTERS[name][0].items():
            joined[key] = joined[key]._replace(**_given(value)) if key == "window" and key in joined else value
    assert Wanted(**joined).means(LETTER, NOW)
    assert not replace(Wanted(**joined), **FILTERS[against][1]).means(LETTER, NOW)


def _given(window: Window) -> dict[str, float]:
    return {name: value for name, value in window._asdict().items() if value is not None}


def test_without_filters_everything_is_meant_foreign_records_too() -> None:
    foreign = DeadLetter(event_id="", image_id="", stage="", reason="", message="")
    assert Wanted().everything
    assert Wanted(said="").means(foreign, -5.0)
    assert reason_of(foreign) == FOREIGN
    assert Wanted(reasons=frozenset({FOREIGN})).means(foreign, NOW)
    assert not Wanted(reasons=frozenset({FOREIGN})).means(LETTER, NOW)
    assert ids_of(foreign) == frozenset(), "an empty id names nothing"
