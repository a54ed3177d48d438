"""What differs between two folders, said in a policy writer's words; what changes no decision is told apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.policies.differences import Changed, Difference, differences
from pipeline.rules.policies.policy_set import (
    AssetName,
    CalibratedFor,
    Defaults,
    Lists,
    Location,
    Policy,
    PolicySet,
    policy_version,
)
from tests.known_made import known

WEAPONS = Policy("weapons", "Weapons", ("a knife", "a gun"), {"review": 0.4, "block": 0.8}, unless=("cutlery",))
GORE = Policy("gore", "Gore", ("blood",), {"block": 0.9}, mode="shadow")
DEFAULTS = Defaults(background=("a cup", "a tree"))


def between(was: Policy, now: Policy) -> Changed:
    (found,) = differences(PolicySet((was,)), PolicySet((now,)))
    return found


def test_the_same_differs_in_nothing() -> None:
    assert differences(PolicySet((GORE, WEAPONS), DEFAULTS), PolicySet((GORE, WEAPONS), DEFAULTS)) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mode": "shadow"}, Difference("mode", "enforce → shadow")),
        ({"actions": {"review": 0.3, "block": 0.8}}, Difference("review", "0.4 → 0.3, so it is taken more often")),
        ({"actions": {"review": 0.4, "block": 0.9}}, Difference("block", "0.8 → 0.9, so it is taken less often")),
        (
            {"actions": {"review": 0.4000000001, "block": 0.8}},
            Difference("review", "0.4 → 0.4000000001, so it is taken less often"),
        ),
        ({"actions": {"block": 0.8}}, Difference("review", "no longer taken (it was, from 0.4)")),
        (
            {"actions": {"label": 0.1, "review": 0.4, "block": 0.8}},
            Difference("label", "new, from 0.1"),
        ),
        ({"prompts": ("a knife",)}, Difference("prompts", "removed", "a gun")),
        ({"prompts": ("a gun", "a knife")}, Difference("prompts", "in another order")),
        ({"unless": ("cutlery", "a toy")}, Difference("unless", "added", "a toy")),
    ],
)
def test_what_changes_decisions(changes: dict[str, object], told: Difference) -> None:
    found = between(WEAPONS, replace(WEAPONS, **changes))  # type: ignore[arg-type]
    assert (found.kind, found.scores, found.differences) == ("changed", True, (told,))


def test_a_list_is_told_by_how_many_of_its_entries_come_and_go() -> None:
    """A list may have a million: their lines are for the file's own diff."""
    was = known([*(f"sha256,{at:064x},,," for at in range(5)), "pdq"])
    now = known([*(f"sha256,{at:064x},{'review' if at == 3 else ''},," for at in range(1, 9)), "pdq"])
    found = between(replace(WEAPONS, lists=was), replace(WEAPONS, lists=now))
    told = "changed, sha256: 4 added, 1 removed, 1 with another action or last day"
    assert (found.scores, found.differences) == (True, (Difference("lists: block", told, "lists/known.csv"),))
    [gone] = between(replace(WEAPONS, lists=was), WEAPONS).differences
    assert gone.said == "removed, sha256: 5 removed; pdq: 1 removed"
    [new] = between(WEAPONS, replace(WEAPONS, lists=known(allow=["pdq"]))).differences
    assert (new.key, new.said) == ("lists: allow", "added, pdq: 1 added")
    noted = known([*(f"sha256,{at:064x},,why," for at in range(5)), "pdq"])
    [other] = between(replace(WEAPONS, lists=was), replace(WEAPONS, lists=noted)).differences
    assert other.said == "changed, the same entries"


def test_pictures_of_lists_are_told_by_their_names_and_how_alike_they_must_be() -> None:
    pictures = Lists(allow_pictures=(AssetName("ours.jpg", "00", Location("p/weapons.yaml")),), alike=0.9)
    found = between(WEAPONS, replace(WEAPONS, lists=pictures))
    assert found.differences == (
        Difference("lists: allow", "added", "ours.jpg"),
        Difference("lists: alike", "0.97 → 0.9"),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Arms"},
        {"owner": "me"},
        {"description": "Knives."},
        {"must_flag": ("a.jpg",)},
        {"calibrated": CalibratedFor("bundled", "f00d")},
    ],
)
def test_what_is_for_people_changes_no_decision(changes: dict[str, object]) -> None:
    found = between(WEAPONS, replace(WEAPONS, **changes))  # type: ignore[arg-type]
    assert found.differences
    assert not found.scores


def test_an_edit_of_a_policy_that_is_off_changes_no_decision() -> None:
    off = replace(WEAPONS, mode="off")
    assert not between(off, replace(off, prompts=("a bow",))).scores
    assert between(WEAPONS, off).scores


def test_policies_come_and_go_and_what_they_share_stands_first() -> None:
    fewer = Defaults(background=("a cup", "a car"), too_close=0.8)
    found = differences(PolicySet((GORE,), DEFAULTS), PolicySet((WEAPONS,), fewer))
    assert [(each.id, each.kind, each.scores) for each in found] == [
        ("", "changed", True),
        ("gore", "removed", True),
        ("weapons", "added", True),
    ]
    assert found[0].differences == (
        Difference("background", "removed", "a tree"),
        Difference("background", "added", "a car"),
        Difference("too_close", "0.9 → 0.8"),
    )
    assert [each.text for each in found[2].differences if each.key == "prompts"] == ["a knife", "a gun"]


words = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True).map(tuple)
policies = st.builds(
    Policy,
    st.just("weapons"),
    st.sampled_from(["One", "Two"]),
    words,
    st.dictionaries(st.sampled_from(["review", "block"]), st.sampled_from([0.5, 0.7]), min_size=1),
    unless=words,
    mode=st.sampled_from(["enforce", "shadow"]),
)


@given(policies, policies)
def test_it_is_told_that_decisions_may_change_wherever_the_version_does(was: Policy, now: Policy) -> None:
    found = differences(PolicySet((was,)), PolicySet((now,)))
    assert any(each.scores for each in found) == (policy_version(was, Defaults()) != policy_version(now, Defaults()))
    assert (found == []) == (was == now)
