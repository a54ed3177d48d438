"""What does not go together in a policy: thresholds, and lists of known pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.rules.known.entries import ACTIONS
from pipeline.rules.policies.assets import Asset
from pipeline.rules.policies.files import BUILT_IN, parse_policies
from pipeline.rules.policies.list_entries import score_for
from pipeline.rules.policies.policy_set import Policy
from tests.rules.policies.test_files import EVERYDAY, WEAPONS


def files(content: bytes, listed: bytes) -> dict[str, object]:
    """What `parse_policies` is given for a policy and the list that it names."""
    assets = {"known.csv": Asset("known.csv", "0" * 64, b"kind,hash,action\nsha256," + b"a" * 64 + listed)}
    return {"files": {"p/weapons.yaml": content, BUILT_IN: EVERYDAY}, "assets": assets}


def test_a_threshold_of_0_is_refused_beside_a_list_that_allows() -> None:
    content = WEAPONS.replace(b"review: 0.6", b"review: 0") + b"lists: {allow: [known.csv]}\n"
    for mode in (b"enforce", b"shadow"):
        with pytest.raises(PolicyError) as refused:
            parse_policies(**files(content + b"mode: " + mode, b",\n"))
        (problem,) = refused.value.problems
        assert str(problem).startswith(
            "p/weapons.yaml:10: 'review' from 0 on is reached by every image, also by those"
        )
    assert parse_policies(**files(content + b"mode: off", b",\n"))
    assert parse_policies(**files(content.replace(b"allow", b"block"), b",\n"))
    assert parse_policies(**files(content.replace(b"review: 0\n", b"review: 0.000001\n"), b",\n"))


def test_an_entry_may_ask_for_an_action_whose_threshold_has_more_digits_than_scores() -> None:
    content = WEAPONS.replace(b"review: 0.6", b"review: 0.1234560000005") + b"lists: {block: [known.csv]}\n"
    assert parse_policies(**files(content, b",review\n"))


@given(st.floats(0, 1) | st.integers(0, 10**6).map(lambda millionths: millionths / 10**6))
def test_the_score_of_an_entry_reaches_its_threshold_and_is_the_least_that_does(threshold: float) -> None:
    policy = Policy("p", "P", ("a",), {"review": threshold})
    score = score_for(policy, ACTIONS.index("review"))
    assert threshold <= score < threshold + 1.1e-6
    assert round(score, 6) == score
