"""``shadow_of``: which policies are compared as images stream by, and what is said of those that cannot be."""

from __future__ import annotations

import pytest

from pipeline.errors import PolicyError
from pipeline.rules.policies.differences import differences
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import PolicySet

POLICY = "title: T\nmode: {mode}\n{more}prompts: [a knife]\nactions: {{review: 0.6}}\n"


def files(**policies: tuple[str, str]) -> dict[str, bytes]:
    """For each policy its mode, and the one that it names."""
    return {
        f"policies/{name}.yaml": POLICY.format(mode=mode, more=f"shadow_of: {of}\n" if of else "").encode()
        for name, (mode, of) in policies.items()
    }


def parsed(**policies: tuple[str, str]) -> PolicySet:
    return parse_policies(files(**policies))


def test_a_shadow_is_compared_with_the_policy_that_it_names() -> None:
    assert parsed(weapons=("enforce", ""), newer=("shadow", "weapons")).shadows == {"newer": "weapons"}


def test_several_may_be_shadows_of_one() -> None:
    found = parsed(weapons=("enforce", ""), one=("shadow", "weapons"), two=("shadow", "weapons"))
    assert found.shadows == {"one": "weapons", "two": "weapons"}


@pytest.mark.parametrize(("mode", "live"), [("off", "enforce"), ("shadow", "off")])
def test_while_one_of_the_two_is_off_nothing_is_compared_and_nothing_is_wrong(mode: str, live: str) -> None:
    assert not parsed(weapons=(live, ""), newer=(mode, "weapons")).shadows


@pytest.mark.parametrize(
    ("newer", "says"),
    [
        (("shadow", "weapon"), "there is no policy 'weapon' in the folder; did you mean 'weapons'?"),
        (("shadow", "tobacco"), "there is no policy 'tobacco' in the folder; there are older, weapons"),
        (("shadow", "newer"), "'newer' is this policy itself; name the one that it is to be compared with"),
        (("shadow", "older"), "'older' is in mode shadow itself; name one that is enforced"),
        (
            ("enforce", "weapons"),
            "a policy in mode enforce is nobody's shadow; write 'mode: shadow', or delete this line",
        ),
    ],
)
def test_what_cannot_be_compared_is_named_with_its_line(newer: tuple[str, str], says: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parsed(weapons=("enforce", ""), older=("shadow", ""), newer=newer)
    assert [str(each) for each in refused.value.problems] == [f"policies/newer.yaml:3: 'shadow_of': {says}"]


def test_where_no_other_policy_is_there_none_is_named() -> None:
    with pytest.raises(
        PolicyError, match="no policy 'weapons' in the folder; this one is the only one: delete this line"
    ):
        parsed(newer=("shadow", "weapons"))


def test_a_live_policy_with_a_slip_of_its_own_is_there_all_the_same() -> None:
    broken = files(weapons=("enforced", ""), newer=("shadow", "weapons"))
    with pytest.raises(PolicyError) as refused:
        parse_policies(broken)
    assert [each.file for each in refused.value.problems] == ["policies/weapons.yaml"]


def test_it_affects_no_score_and_so_no_version() -> None:
    with_it, without = (parsed(weapons=("enforce", ""), newer=("shadow", of)) for of in ("weapons", ""))
    assert with_it.version == without.version
    (changed,) = differences(without, with_it)
    assert [(each.key, each.said, each.text) for each in changed.differences] == [("shadow_of", "added", "weapons")]
    assert not changed.scores
