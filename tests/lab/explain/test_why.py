"""Why an image scores what it scores: by the sentences, heads and view of its judgement, and by no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lab.explain.why import Look, why
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.judging import judge
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Closer, Features, Signals
from pipeline.wire import Turned
from tests.signals_made import signals, whole

THINGS = ("knife", "gun", "fork", "beer", "tree", "house")
AT = dict(zip(THINGS, np.eye(len(THINGS), dtype=np.float32), strict=True))
POLICIES = (
    Policy("alcohol", "Alcohol", ("beer",), {"label": 0.3, "review": 0.8}, mode="shadow"),
    Policy("weapons", "Weapons", ("knife", "gun"), {"block": 0.9, "review": 0.5}, unless=("fork",)),
)


def compiled(scale: float = 20.0, bias: float | None = None) -> CompiledPolicies:
    return compile_policies(PolicySet(POLICIES, Defaults(background=("tree", "house"))), AT, scale, bias)


def view(**shares: float) -> Features:
    features = sum((share * AT[thing] for thing, share in shares.items()), np.zeros(len(THINGS), np.float32))
    return np.asarray(features / np.linalg.norm(features), np.float32)


def looked_closer(first: Signals, *views: Features, bar: float = 0.7) -> Signals:
    turned: list[Turned] = ["90"] * len(views)
    closer = Closer(np.stack(views), whole(len(views)), first.made_by, turned=tuple(turned), bar=bar)
    return Signals(first.features, first.regions, first.made_by, closer=closer)


def test_sentences_stand_by_their_share_with_what_each_of_them_is() -> None:
    image = signals([view(knife=1.0, fork=0.95, tree=0.9)])
    found = why(Look.at(image, compiled()), POLICIES[1])
    assert [each.text for each in found.prompts] == ["knife", "gun"]
    assert [(each.text, each.kind) for each in found.against] == [
        ("fork", "unless"),
        ("tree", "background"),
        ("house", "background"),
    ]
    shares = [each.share for each in (*found.prompts, *found.against)]
    assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert sum(each.share for each in found.prompts) == pytest.approx(found.score, abs=1e-5)


def test_they_are_those_of_the_evidence_of_a_match() -> None:
    image = signals([view(tree=1.0), view(knife=1.0, fork=0.6)])
    [match] = judge([image], compiled())[0].matches
    found = why(Look.at(image, compiled()), POLICIES[1])
    assert match.evidence is not None
    assert (found.prompts[0].text, found.prompts[0].share) == (match.evidence.prompt, match.evidence.share)
    assert match.evidence.against is not None
    assert (found.against[0].text, found.against[0].share) == (
        match.evidence.against.text,
        match.evidence.against.share,
    )
    assert (found.view, found.decided_by, found.action) == (match.evidence.view, "prompts", match.action)
    assert found.heads[0].evidence == match.evidence
    assert (found.heads[0].score, found.heads[0].says) == (found.score, str(match.evidence))


def test_a_policy_that_did_not_match_is_explained_as_well_with_how_far_it_is_from_each_threshold() -> None:
    found = why(Look.at(signals([view(knife=0.5, tree=1.0)]), compiled()), POLICIES[1])
    assert found.action is None
    assert [(each.action, each.threshold) for each in found.margins] == [("review", 0.5), ("block", 0.9)]
    assert all(
        each.margin == pytest.approx(found.score - each.threshold) and each.margin < 0 for each in found.margins
    )
    assert found.against[0].text == "tree"
    assert why(Look.at(signals([view(beer=1.0)]), compiled()), POLICIES[0]).mode == "shadow"


def test_where_each_sentence_is_rated_by_itself_nothing_stands_against_a_policy() -> None:
    found = why(Look.at(signals([view(knife=1.0, fork=1.0)]), compiled(10.0, -5.0)), POLICIES[1])
    assert found.against == []
    assert found.prompts[0].share == found.score > found.prompts[1].share


def test_a_second_look_decides_only_where_it_counts() -> None:
    first = signals([view(tree=1.0, knife=0.8)])
    strong = Look.at(looked_closer(first, view(house=1.0), view(knife=1.0)), compiled())
    found = why(strong, POLICIES[1])
    assert found.score == max(each.score for each in found.views) > 0.9
    assert (found.view.turned, strong.deciding("weapons"), strong.deciding("alcohol")) == ("90", 2, 0)
    assert [each.counts_from for each in found.views] == [0.0, 0.7, 0.7]
    weak = Look.at(looked_closer(first, view(knife=1.0, tree=0.98), bar=0.95), compiled())
    found = why(weak, POLICIES[1])
    assert found.views[1].score > found.score == found.views[0].score
    assert (found.view.turned, weak.deciding("weapons")) == (None, 0)


unit = st.lists(st.floats(-1, 1, width=32), min_size=6, max_size=6).filter(lambda each: np.linalg.norm(each) > 1e-3)


@settings(max_examples=40)
@given(st.lists(unit, min_size=1, max_size=4), st.lists(unit, max_size=3), st.sampled_from([None, -5.0]))
def test_the_view_that_decides_has_the_score_of_the_judgement(
    first: list[list[float]], again: list[list[float]], bias: float | None
) -> None:
    rows = [np.asarray(each, np.float32) / np.linalg.norm(each).astype(np.float32) for each in (*first, *again)]
    image = signals(np.stack(rows[: len(first)]))
    if again:
        image = looked_closer(image, *rows[len(first) :], bar=0.3)
    look = Look.at(image, compiled(bias=bias))
    for policy in POLICIES:
        found = why(look, policy)
        assert found.score == judge([image], compiled(bias=bias))[0].scores[policy.id]
        assert found.views[look.deciding(policy.id)].score == pytest.approx(found.score, abs=2e-6)
        assert max(head.score for head in found.heads) == found.score
