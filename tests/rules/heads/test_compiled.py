"""Heads together: the greatest score counts, with the evidence of its head; a head may judge some policies alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.heads import CompiledPolicies, Opinion, Stacked, compile_policies, compiled
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Signals
from pipeline.wire import PromptEvidence, Region
from tests.signals_made import signals

AT = dict(zip(("knife", "beer", "tree"), np.eye(3, dtype=np.float32), strict=True))
PLAIN = compile_policies(
    PolicySet(
        (Policy("alcohol", "", ("beer",), {"review": 0.5}), Policy("weapons", "", ("knife",), {"block": 0.5})),
        Defaults(background=("tree",)),
    ),
    AT,
    20.0,
    None,
)
SAID = PromptEvidence("as listed", 1.0, Region(0, (0.0, 0.0, 1.0, 1.0)))


@dataclass(frozen=True)
class Told:
    """An opinion that was made up."""

    scores: np.ndarray
    vetoes: None = None

    def evidence(self, image: int, policy: int) -> PromptEvidence:
        assert (image, policy) == (0, 0)
        return SAID


@dataclass(frozen=True)
class Listed:
    """A head that gives one policy the same score for every image, whatever its features."""

    ids: tuple[str, ...]
    score: float

    def at(self, now: float) -> Listed:
        return self

    def look(self, images: Sequence[Signals], before: Sequence[Opinion] = ()) -> Told:
        return Told(np.full((len(images), len(self.ids)), self.score))


def test_the_head_with_most_to_say_gives_the_score_and_the_evidence() -> None:
    both = CompiledPolicies(PLAIN.policy_set, (*PLAIN.heads, Listed(("weapons",), 0.75)))
    (tree,) = judge([signals([AT["tree"]])], both)
    assert [(match.policy, match.score, match.evidence) for match in tree.matches] == [("weapons", 0.75, SAID)]
    assert tree.evidence("alcohol").prompt == "beer"
    (knife,) = judge([signals([AT["knife"]])], both)
    assert knife.scores["weapons"] > 0.99
    assert knife.evidence("weapons").prompt == "knife"


@given(st.floats(0, 1), st.lists(st.sampled_from(["knife", "beer", "tree"]), min_size=1, max_size=4))
def test_a_further_head_lowers_no_score_and_changes_no_other_policy(score: float, seen: list[str]) -> None:
    image = signals([AT[each] for each in seen])
    (before,) = judge([image], PLAIN)
    (after,) = judge([image], CompiledPolicies(PLAIN.policy_set, (*PLAIN.heads, Listed(("alcohol",), score))))
    assert after.scores["weapons"] == before.scores["weapons"]
    assert after.scores["alcohol"] == max(before.scores["alcohol"], round(score, 6))


def test_a_head_that_no_policy_has_costs_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "HEADS", (*compiled.HEADS, lambda *_: Listed((), 1.0)))
    assert len(compile_policies(PLAIN.policy_set, AT, 20.0, None).heads) == len(PLAIN.heads)


def test_prompts_are_there_to_be_looked_into_where_every_policy_is_off() -> None:
    assert compile_policies(PolicySet(()), {}, 20.0, None).prompts.ids == ()


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6))
def test_the_worst_view_of_each_image_counts(views: list[int]) -> None:
    rows = np.random.default_rng(sum(views)).uniform(size=(sum(views), 3))
    starts = np.cumsum([0, *views])
    stacked = Stacked.of([signals(rows[low:high]) for low, high in pairwise(starts)])
    expected = [rows[low:high].max(axis=0).tolist() for low, high in pairwise(starts)]
    assert stacked.worst(rows).tolist() == expected
    assert [rows[stacked.views(image)].shape[0] for image in range(len(views))] == views


def test_an_image_without_views_has_none_that_counts() -> None:
    with pytest.raises(ValueError, match="without views"):
        Stacked.of([signals(np.zeros((0, 3))), signals([AT["tree"]])])
