"""What the policies say of an image: by its own views alone, the worst of them counting; shadow never acts."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.judging import Judgement, judge
from pipeline.rules.policies.policy_set import Defaults, Mode, Policy, PolicySet
from pipeline.signals import Closer, Features, Signals
from pipeline.wire import SEVERITY, Match
from tests.signals_made import signals

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


def views(*each: Features) -> Signals:
    return signals(np.stack(each), frames=len(each))


directions = st.lists(st.floats(-1, 1, width=32), min_size=len(THINGS), max_size=len(THINGS)).filter(any)


@st.composite
def images(draw: st.DrawFn) -> list[Signals]:
    made = draw(st.lists(st.lists(directions, min_size=1, max_size=4), min_size=1, max_size=5))
    arrays = [np.array(each, np.float32) for each in made]
    norms = [np.linalg.norm(each, axis=1, keepdims=True) for each in arrays]
    unit = [each / np.maximum(norm, 1e-6) for each, norm in zip(arrays, norms, strict=True)]
    return [signals(each, frames=len(each)) for each in unit]


@given(images(), st.randoms())
def test_order_and_company_change_nothing(made: list[Signals], random: Random) -> None:
    together = judge(made, compiled())
    assert together == [judge([each], compiled())[0] for each in made]
    order = list(range(len(made)))
    random.shuffle(order)
    shuffled = judge([made[at] for at in order], compiled())
    assert shuffled == [together[at] for at in order]


@given(images())
def test_the_worst_view_counts_for_each_policy(made: list[Signals]) -> None:
    for found, each in zip(judge(made, compiled()), made, strict=True):
        alone = [judge([signals(row[None])], compiled())[0] for row in each.features]
        for policy, score in found.scores.items():
            assert abs(score - max(one.scores[policy] for one in alone)) <= 2e-6


@given(images())
def test_a_policy_in_shadow_scores_the_same_and_never_acts(made: list[Signals]) -> None:
    for found, shadowed in zip(judge(made, compiled()), judge(made, compiled("shadow", "shadow")), strict=True):
        assert shadowed.verdict == "allow"
        assert (shadowed.matches, shadowed.scores) == ([], found.scores)
        assert unversioned(shadowed.shadow) == unversioned(found.matches)


def unversioned(matches: list[Match]) -> list[Match]:
    return [msgspec.structs.replace(match, version="") for match in matches]


@given(images())
def test_shadow_and_enforced_policies_side_by_side_do_not_touch_each_other(made: list[Signals]) -> None:
    """One of two goes to shadow: the verdict is that of the other alone, whatever the first one says."""
    for found, mixed in zip(judge(made, compiled()), judge(made, compiled("shadow")), strict=True):
        assert unversioned(mixed.matches) == unversioned([each for each in found.matches if each.policy == "alcohol"])
        assert unversioned(mixed.shadow) == unversioned([each for each in found.matches if each.policy == "weapons"])
        assert mixed.verdict == max((each.action for each in mixed.matches), key=SEVERITY.get, default="allow")
        assert mixed.verdict != "block"  # which weapons alone leads to


exact = st.permutations([1.0, 0.0, 0.0, 0.0, 0.0]) | st.permutations([0.5, 0.5, 0.5, -0.5, 0.0])


@given(st.lists(st.lists(exact, min_size=1, max_size=4), min_size=2, max_size=6), st.randoms())
def test_where_a_matrix_product_is_exact_so_are_order_and_company(
    rows: list[list[list[float]]], random: Random
) -> None:
    """BLAS sums in another order for another number of rows; of these features no sum is ever rounded."""
    made = [signals(each, frames=len(each)) for each in rows]
    together, order = judge(made, compiled()), list(range(len(made)))
    random.shuffle(order)
    shuffled = judge([made[at] for at in order], compiled())
    alone = [judge([each], compiled())[0] for each in made]
    assert together == alone == [shuffled[order.index(at)] for at in range(len(made))]
    for one, other in zip(together, alone, strict=True):
        assert [one.evidence(each) for each in one.scores] == [other.evidence(each) for each in one.scores]


@given(images(), directions)
def test_another_view_never_lowers_a_score(made: list[Signals], more: list[float]) -> None:
    row = np.array([more], np.float32)
    row /= max(float(np.linalg.norm(row)), 1e-6)
    for each, before in zip(made, judge(made, compiled()), strict=True):
        (after,) = judge([signals(np.concatenate([each.features, row]))], compiled())
        assert all(after.scores[policy] >= score - 2e-6 for policy, score in before.scores.items())


@given(images())
def test_evidence_is_that_of_the_very_view_whose_score_counts(made: list[Signals]) -> None:
    """Of matched and unmatched policies alike: frames number the views here, so evidence tells which it is of."""
    for found, each in zip(judge(made, compiled()), made, strict=True):
        alone = [judge([signals(row[None])], compiled())[0] for row in each.features]
        for policy, score in found.scores.items():
            evidence = found.evidence(policy)
            view = evidence.view.frame
            assert abs(score - alone[view].scores[policy]) <= 2e-6
            there = alone[view].evidence(policy)
            assert abs(evidence.share - there.share) <= 2e-6
            own = [AT[prompt] @ each.features[view] for prompt in prompts_of(policy)]
            assert AT[evidence.prompt] @ each.features[view] >= max(own) - 1e-6
        assert all(match.evidence == found.evidence(match.policy) for match in (*found.matches, *found.shadow))


def prompts_of(policy: str) -> tuple[str, ...]:
    return next(each.prompts for each in compiled().policies if each.id == policy)


@given(images())
def test_shares_add_up_to_no_more_than_there_is(made: list[Signals]) -> None:
    """One prompt of alcohol is all of its score; what stands against it has no more than the rest."""
    for found in judge(made, compiled()):
        for policy, score in found.scores.items():
            evidence = found.evidence(policy)
            assert evidence.against is not None
            assert evidence.against.text in {"tree", "house"}
            prompts, against = len(prompts_of(policy)), 2
            assert score / prompts - 2e-6 <= evidence.share <= score + 2e-6
            assert (1 - score) / against - 2e-6 <= evidence.against.share <= 1 - score + 2e-6


def test_a_near_miss_is_explained_and_a_policy_that_is_not_active_is_not() -> None:
    (found,) = judge([views(view(tree=1.0), view(tree=1.0, beer=0.5))], compiled())
    assert found.matches == []
    evidence = found.evidence("alcohol")
    assert (evidence.prompt, evidence.view.frame) == ("beer", 1)
    assert evidence.against is not None
    assert evidence.against.text == "tree"
    with pytest.raises(KeyError):
        found.evidence("gambling")
    with pytest.raises(KeyError):
        Judgement({}, [], []).evidence("alcohol")


def test_where_each_sentence_stands_alone_nothing_stands_against_it() -> None:
    sigmoid = compile_policies(compiled().policy_set, AT, 20.0, -10.0)
    (found,) = judge([views(view(gun=1.0, tree=0.9))], sigmoid)
    evidence = found.evidence("weapons")
    assert (evidence.prompt, evidence.share, evidence.against) == ("gun", found.scores["weapons"], None)


def test_a_policy_with_nothing_against_it_is_explained_too() -> None:
    alone = PolicySet((Policy("weapons", "Weapons", ("knife",), {"block": 0.5}),))
    (found,) = judge([views(view(knife=1.0))], compile_policies(alone, AT, 20.0, None))
    evidence = found.evidence("weapons")
    assert (found.scores["weapons"], evidence.share, evidence.against) == (1.0, 1.0, None)


def test_a_match_tells_its_prompt_as_it_always_did() -> None:
    (found,) = judge([views(view(knife=1.0))], compiled())
    match = found.matches[0]
    assert match.evidence is not None
    assert (match.prompt, match.prompt_score) == (match.evidence.prompt, match.evidence.share) != ("", 0.0)


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
        judge([views(view(tree=1.0)), signals(np.empty((0, len(THINGS))))], compiled())


def test_a_policy_that_is_off_is_not_judged_by() -> None:
    policy_set = compiled().policy_set
    off = replace(policy_set, policies=tuple(replace(each, mode="off") for each in policy_set.policies))
    (found,) = judge([views(view(knife=1.0))], compile_policies(off, AT, 20.0, None))
    assert found == Judgement({}, [], [])


def test_a_score_at_the_very_threshold_reaches_it() -> None:
    def alone(threshold: float) -> CompiledPolicies:
        policy = Policy("alcohol", "Alcohol", ("beer",), {"label": threshold})
        return compile_policies(PolicySet((policy,), Defaults(background=("tree", "house"))), AT, 20.0, None)

    made = [views(view(beer=0.7, tree=0.7))]
    score = judge(made, alone(1.0))[0].scores["alcohol"]
    assert judge(made, alone(score))[0].verdict == "label"
    assert judge(made, alone(score + 1e-6))[0].verdict == "allow"


def test_of_matches_that_are_equally_severe_the_higher_score_comes_first() -> None:
    policies = [Policy(name, name, (name,), {"review": 0.01}) for name in ("beer", "gun", "knife")]
    everything = compile_policies(PolicySet(tuple(policies), Defaults(background=("tree", "house"))), AT, 5.0, None)
    [found] = judge([views(view(beer=0.2, gun=0.9, knife=0.5))], everything)
    assert [match.policy for match in found.matches] == ["gun", "knife", "beer"]
    assert sorted((match.score for match in found.matches), reverse=True) == [match.score for match in found.matches]


def test_the_company_of_many_long_sentences_does_not_change_the_last_digit() -> None:
    """Such as a backtest puts together: blocks of another size than the worker's batches."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(700, 512)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    prompts = tuple(f"p{number}" for number in range(600))
    texts = dict(zip(prompts, rows[:600], strict=True))
    policies = PolicySet((Policy("any", "Any", prompts[:50], {"label": 0.01}),), Defaults(background=prompts[50:]))
    many = compile_policies(policies, texts, 100.0, None)
    made = [signals(row[None]) for row in rows[600:]]
    together = judge(made, many)
    assert together == [judge([each], many)[0] for each in made]
    assert together[:30] == judge(made[:30], many)


def background_lse(features: Features, lines: list[Features], scale: float) -> float:
    return math.log(sum(math.exp(scale * float(features @ line)) for line in lines))


class TestTheBackgroundsLogSum:
    @given(images())
    def test_is_of_every_view_and_line(self, made: list[Signals]) -> None:
        for found, each in zip(judge(made, compiled()), made, strict=True):
            sums = found.background_lse()
            assert sums is not None
            assert sums.dtype == np.float32
            expected = [background_lse(row, [AT["tree"], AT["house"]], 20.0) for row in each.features]
            np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-5)

    def test_counts_lines_too_close_to_a_policys_prompts(self) -> None:
        policies = (Policy("weapons", "Weapons", ("knife",), {"block": 0.5}),)
        background = Defaults(background=("gun", "tree"), too_close=0.0)
        near = compile_policies(PolicySet(policies, background), AT, 20.0, None)
        assert near.prompts.left == (0,)
        (found,) = judge([views(view(gun=1.0))], near)
        np.testing.assert_allclose(found.background_lse(), [background_lse(AT["gun"], [AT["gun"], AT["tree"]], 20.0)])

    def test_goes_on_with_the_views_of_a_second_look(self) -> None:
        first, second = views(view(tree=1.0)), views(view(knife=1.0), view(house=1.0))
        closer = Closer(second.features, second.regions, second.made_by, turned=("90", None), bar=0.9)
        plain = views(view(beer=1.0))
        found = judge([plain, replace(first, closer=closer)], compiled())
        alone = [judge([each], compiled())[0].background_lse() for each in (plain, first, second)]
        np.testing.assert_array_equal(found[0].background_lse(), alone[0])
        np.testing.assert_array_equal(found[1].background_lse(), np.concatenate(alone[1:]))

    @pytest.mark.parametrize("bias", [None, -10.0], ids=["softmax", "sigmoid"])
    def test_is_nothing_where_no_background_stands_against_the_policies(self, bias: float | None) -> None:
        lines = () if bias is None else ("tree",)
        policies = (Policy("weapons", "Weapons", ("knife",), {"block": 0.5}),)
        without = compile_policies(PolicySet(policies, Defaults(background=lines)), AT, 20.0, bias)
        assert judge([views(view(gun=1.0))], without)[0].background_lse() is None

    def test_is_nothing_where_all_policies_are_off(self) -> None:
        assert judge([views(view(gun=1.0))], compiled("off", "off"))[0].background_lse() is None
