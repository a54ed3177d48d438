"""What the policies say of an image: by its own views alone, the worst of them counting; shadow never acts."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.items import Features
from pipeline.rules.heads.scoring import CompiledPolicies, compile_policies
from pipeline.rules.judging import Judgement, judge
from pipeline.rules.policies.policy_set import Defaults, Mode, Policy, PolicySet
from pipeline.wire import Match

THINGS = ("knife", "gun", "beer", "tree", "house")
AT = dict(zip(THINGS, np.eye(len(THINGS), dtype=np.float32), strict=True))


def compiled(weapons: Mode = "enforce", alcohol: Mode = "enforce") -> CompiledPolicies:
    policies = (
        Policy("alcohol", "Alcohol", ("beer",), {"label": 0.3, "review": 0.8}, mode=alcohol),
        Policy("weapons", "Weapons", ("knife", "gun"), {"block": 0.5}, mode=weapons),
    )
    return compile_policies(PolicySet(policies, Defaults(background=("tree", "house"))), AT, 20.0, None)


def view(**shares: float) -> Features:
    features = sum((share * AT[thing] for thing, share in shares.items()), np.zeros(len(THINGS), np.float32))
    return np.asarray(features / np.linalg.norm(features), np.float32)


def views(*each: Features) -> Features:
    return np.stack(each)


directions = st.lists(st.floats(-1, 1, width=32), min_size=len(THINGS), max_size=len(THINGS)).filter(any)


@st.composite
def images(draw: st.DrawFn) -> list[Features]:
    made = draw(st.lists(st.lists(directions, min_size=1, max_size=4), min_size=1, max_size=5))
    arrays = [np.array(each, np.float32) for each in made]
    norms = [np.linalg.norm(each, axis=1, keepdims=True) for each in arrays]
    return [each / np.maximum(norm, 1e-6) for each, norm in zip(arrays, norms, strict=True)]


def nearly(one: Judgement, other: Judgement) -> bool:
    """A matrix product may differ in the last bit with the size of the matrix."""
    same = one.scores.keys() == other.scores.keys()
    return same and all(abs(one.scores[policy] - other.scores[policy]) <= 2e-6 for policy in one.scores)


@given(images(), st.randoms())
def test_order_and_company_change_nothing(made: list[Features], random: Random) -> None:
    together = judge(made, compiled())
    assert all(nearly(one, judge([each], compiled())[0]) for one, each in zip(together, made, strict=True))
    order = list(range(len(made)))
    random.shuffle(order)
    shuffled = judge([made[at] for at in order], compiled())
    assert all(nearly(found, together[at]) for found, at in zip(shuffled, order, strict=True))


@given(images())
def test_the_worst_view_counts_for_each_policy(made: list[Features]) -> None:
    for found, each in zip(judge(made, compiled()), made, strict=True):
        alone = [judge([row[None]], compiled())[0] for row in each]
        for policy, score in found.scores.items():
            assert abs(score - max(one.scores[policy] for one in alone)) <= 2e-6


@given(images())
def test_a_policy_in_shadow_scores_the_same_and_never_acts(made: list[Features]) -> None:
    for found, shadowed in zip(judge(made, compiled()), judge(made, compiled("shadow", "shadow")), strict=True):
        assert shadowed.verdict == "allow"
        assert (shadowed.matches, shadowed.scores) == ([], found.scores)
        assert unversioned(shadowed.shadow) == unversioned(found.matches)


def unversioned(matches: list[Match]) -> list[Match]:
    return [msgspec.structs.replace(match, version="") for match in matches]


def test_the_best_prompt_is_that_of_the_view_which_decided() -> None:
    seen = views(view(tree=1.0), view(gun=1.0, tree=0.5), view(knife=0.55, tree=1.0))
    (found,) = judge([seen], compiled())
    (match,) = found.matches
    assert (match.policy, match.prompt) == ("weapons", "gun")
    assert match.prompt_score <= match.score == found.scores["weapons"]


def test_the_severest_match_comes_first_and_gives_the_verdict() -> None:
    (found,) = judge([views(view(beer=1.0), view(knife=1.0))], compiled())
    assert [(match.policy, match.action) for match in found.matches] == [("weapons", "block"), ("alcohol", "review")]
    assert found.verdict == "block"


def test_what_shows_nothing_of_a_policy_is_allowed() -> None:
    (found,) = judge([views(view(tree=1.0))], compiled())
    assert (found.verdict, found.matches, found.shadow) == ("allow", [], [])
    assert set(found.scores) == {"alcohol", "weapons"}


def test_an_image_of_no_views_is_refused_and_no_images_are_none() -> None:
    assert judge([], compiled()) == []
    with pytest.raises(ValueError, match="without views"):
        judge([views(view(tree=1.0)), np.empty((0, len(THINGS)), np.float32)], compiled())


def test_a_policy_that_is_off_is_not_judged_by() -> None:
    policy_set = compiled().policy_set
    off = replace(policy_set, policies=tuple(replace(each, mode="off") for each in policy_set.policies))
    (found,) = judge([views(view(knife=1.0))], compile_policies(off, AT, 20.0, None))
    assert found == Judgement({}, [], [])
