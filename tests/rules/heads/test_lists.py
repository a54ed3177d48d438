"""What lists of known pictures make of an image, and that what they allow is allowed by their own policy alone."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from pipeline.errors import PolicyError
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.judging import Judgement, judge
from pipeline.rules.policies.assets import Asset
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.list_entries import pdq_of_the_past
from pipeline.rules.policies.policy_set import AssetName, Defaults, Lists, Location, Policy, PolicySet
from pipeline.signals import Closer, Signals
from pipeline.wire import ListEvidence, PromptEvidence
from tests.known_made import FIRST, SHA256, csv, hashed, known, off_by
from tests.signals_made import MADE_BY, signals, whole

AT = dict(zip(("knife", "beer", "tree"), np.eye(3, dtype=np.float32), strict=True))
KNIFE, BEER, TREE = AT.values()
ACTIONS = {"review": 0.6, "block": 0.9}
LAST_DAY = 1_801_396_800.0
"""Noon of 2027-01-31, in UTC."""


def compiled(lists: Lists, **assets: Asset) -> CompiledPolicies:
    policies = (Policy("alcohol", "", ("beer",), ACTIONS), Policy("weapons", "", ("knife",), ACTIONS, lists=lists))
    return compile_policies(PolicySet(policies, Defaults(background=("tree",))), AT, 20.0, None, assets)


def judged(lists: Lists, image: Signals, now: float = 0.0, **assets: Asset) -> Judgement:
    return judge([image], compiled(lists, **assets).at(now))[0]


def image(*views: np.ndarray, **known_of_it: object) -> Signals:
    return replace(signals(np.stack(views)), **known_of_it)


def evidence(judgement: Judgement) -> ListEvidence:
    [match] = judgement.matches
    assert match.policy == "weapons"
    assert isinstance(match.evidence, ListEvidence)
    return match.evidence


def test_the_very_bytes_of_an_entry_are_blocked_whatever_they_show() -> None:
    found = judged(known([f"sha256,{SHA256},,seen in May,"]), image(TREE, content_sha256=SHA256))
    assert found.verdict == "block"
    assert found.scores["weapons"] == 1
    assert evidence(found) == ListEvidence("block", "sha256", "lists/known.csv", 2, "seen in May")
    assert str(evidence(found)) == "lists/known.csv:2 (sha256): seen in May"


@pytest.mark.parametrize("other", ["", "00" * 32, SHA256[:-1] + "b"])
def test_other_bytes_are_judged_by_the_prompts(other: str) -> None:
    lists = known(["sha256", f"sha256,{'00' * 31}01,,,"])
    assert judged(lists, image(TREE, content_sha256=other)).verdict == "allow"
    assert isinstance(judged(lists, image(KNIFE, content_sha256=other)).matches[0].evidence, PromptEvidence)


def test_an_entry_gets_the_action_that_it_asks_for_and_the_prompts_may_ask_for_more() -> None:
    lists = known([f"sha256,{SHA256},review,,"])
    found = judged(lists, image(TREE, content_sha256=SHA256))
    assert (found.verdict, found.scores["weapons"]) == ("review", 0.6)
    assert judged(lists, image(KNIFE, content_sha256=SHA256)).verdict == "block"


@pytest.mark.parametrize(
    ("bits", "quality", "verdict"), [(0, 50, "block"), (31, 50, "block"), (32, 99, "allow"), (3, 49, "allow")]
)
def test_pdq_counts_within_31_bits_of_a_picture_of_quality(bits: int, quality: int, verdict: str) -> None:
    found = judged(known(["pdq"]), image(TREE, pdq=hashed(off_by(bits), quality=quality)))
    assert found.verdict == verdict
    if verdict == "block":
        assert evidence(found).bits == bits


def test_the_nearest_of_several_entries_is_the_evidence_and_the_severest_counts() -> None:
    far, near = off_by(20).hex(), off_by(2).hex()
    found = judged(known([f"pdq,{far},block,,", f"pdq,{near},review,,"]), image(TREE, pdq=hashed(FIRST)))
    assert (found.verdict, evidence(found).line) == ("block", 2)
    found = judged(known([f"pdq,{far},,,", f"pdq,{near},,,"]), image(TREE, pdq=hashed(FIRST)))
    assert evidence(found).line == 3


@pytest.mark.parametrize(("day", "verdict"), [("2026-11-26T23:59:59", "block"), ("2026-11-27T00:00:00", "allow")])
@pytest.mark.parametrize("kind", [f"sha256,{SHA256}", f"pdq,{FIRST.hex()}"])
def test_an_entry_counts_up_to_the_end_of_its_last_day(kind: str, day: str, verdict: str) -> None:
    lists, now = known([f"{kind},,,2026-11-26"]), np.datetime64(day).astype(int)
    assert judged(lists, image(TREE, content_sha256=SHA256, pdq=hashed(FIRST)), float(now)).verdict == verdict


def test_a_set_is_another_one_only_where_the_day_changes_something() -> None:
    lasting = compiled(known(["sha256"]))
    assert lasting.at(5e9) is lasting
    dated = compiled(known([f"sha256,{SHA256},,,2027-01-31"]))
    assert dated.at(LAST_DAY) is dated
    after = dated.at(LAST_DAY + 86_400)
    assert after is not dated
    assert after.at(5e9) is after
    assert judge([image(TREE, content_sha256=SHA256)], after.at(LAST_DAY))[0].verdict == "block"
    assert compiled(Lists()).at(5e9).heads


def test_a_set_says_what_has_expired_so_that_its_decisions_are_told_apart() -> None:
    dated = compiled(known([f"sha256,{SHA256},,,2027-01-31"]))
    before, after = dated.at(1_801_000_000.0), dated.at(1_802_000_000.0)
    assert before.moment == () == compiled(known(["sha256"])).at(5e9).moment
    assert len(after.moment) == 1
    assert dated.at(1_900_000_000.0).moment == after.moment


def test_what_is_allowed_is_allowed_by_its_own_policy_alone() -> None:
    lists = known(["sha256"], [f"sha256,{SHA256},,our logo,"])
    found = judged(lists, image(KNIFE, BEER, content_sha256=SHA256))
    assert [match.policy for match in found.matches] == ["alcohol"]
    assert found.scores["weapons"] == 0
    allows = ListEvidence("allow", "sha256", "lists/ours.csv", 2, "our logo")
    assert found.evidence("weapons") == found.allowed["weapons"] == allows
    assert str(allows) == "allowed by lists/ours.csv:2 (sha256): our logo"


def test_an_allow_that_changed_nothing_is_not_told_of() -> None:
    found = judged(known(allow=["sha256"]), image(TREE, content_sha256=SHA256))
    assert not found.allowed
    assert isinstance(found.evidence("weapons"), ListEvidence)


def test_a_second_look_does_not_overrule_what_is_allowed() -> None:
    closer = Closer(KNIFE[None], whole(1), MADE_BY, turned=("90",), bar=0.5)
    seen = image(TREE, content_sha256=SHA256, closer=closer)
    assert judged(Lists(), seen).verdict == "block"
    assert judged(known(allow=["sha256"]), seen).verdict == "allow"


def test_every_hash_of_an_image_must_be_known_to_allow_it() -> None:
    lists, other = known(allow=["pdq"]), bytes(32)
    assert judged(lists, image(KNIFE, pdq=hashed(FIRST))).verdict == "allow"
    assert judged(lists, image(KNIFE, pdq=hashed(FIRST, other))).verdict == "block"
    assert judged(known(["pdq"]), image(TREE, pdq=hashed(other, FIRST))).verdict == "block"


def test_an_animation_is_not_allowed_by_its_first_frame() -> None:
    moving = replace(signals(np.stack([TREE, KNIFE]), frames=2), pdq=hashed(FIRST))
    assert judged(known(allow=["pdq"]), moving).verdict == "block"
    assert judged(known(allow=["pdq"]), image(KNIFE, pdq=hashed(FIRST), unseen=1)).verdict == "block"


def picture(side: str, *views: np.ndarray) -> tuple[Lists, dict[str, Asset]]:
    name = AssetName("one.jpg", "00", Location("p/weapons.yaml", 9))
    asset = Asset("one.jpg", "00", b"", signals=signals(np.stack(views)))
    return replace(Lists(), **{f"{side}_pictures": (name,)}), {"one.jpg": asset}


def test_one_view_that_looks_like_a_picture_is_enough_to_block() -> None:
    lists, assets = picture("block", TREE)
    found = judge([image(BEER), image(BEER, TREE)], compiled(lists, **assets))
    assert [[match.policy for match in each.matches] for each in found] == [["alcohol"], ["alcohol", "weapons"]]
    told = found[1].evidence("weapons")
    assert isinstance(told, ListEvidence)
    assert (told.kind, told.list, told.line, told.cosine) == ("picture", "one.jpg", None, 1)


def test_every_view_must_look_like_a_picture_to_allow() -> None:
    lists, assets = picture("allow", KNIFE, TREE)
    found = judge([image(KNIFE), image(TREE, KNIFE), image(KNIFE, BEER)], compiled(lists, **assets))
    assert [each.scores["weapons"] > 0.5 for each in found] == [False, False, True]


def test_hashes_that_an_archive_cannot_ask_for_are_counted_by_policy() -> None:
    lists = known([f"pdq,{off_by(at).hex()},,," for at in range(3)], ["sha256", "pdq"])
    [with_pdq, without] = (compiled(of).policy_set for of in (lists, known(["sha256"])))
    assert pdq_of_the_past(without) == ""
    assert pdq_of_the_past(with_pdq, without).endswith("keeps none of its images: weapons has 4")


FILES = {"p/_defaults.yaml": b"allow_thin_background: true\n"}
WEAPONS = "title: Weapons\nprompts: [a knife]\nactions: {review: 0.6, block: 0.9}\n"


def parsed(lists: str, **contents: bytes) -> PolicySet:
    paths = {name.replace("_csv", ".csv"): content for name, content in contents.items()}
    assets = {path: Asset(path, sha256(content).hexdigest(), content) for path, content in paths.items()}
    return parse_policies({**FILES, "p/weapons.yaml": (WEAPONS + lists).encode()}, assets=assets)


BLOCK = "lists:\n  block: [bad.csv]\n"
BOTH = "lists:\n  block: [bad.csv]\n  allow: [ours.csv]\n"


def test_what_stands_in_a_list_is_part_of_the_version_and_a_policy_without_keeps_its_own() -> None:
    one, other = (parsed(BLOCK, bad_csv=csv(f"sha256,{SHA256},{action},,")) for action in ("", "review"))
    assert len({one.version, other.version, parsed("").version}) == 3
    assert parsed("lists: {}\n").version == parsed("").version


@pytest.mark.parametrize(
    ("lists", "bad", "ours", "said"),
    [
        (BLOCK, b"", b"", "p/bad.csv:1: the file is empty; its first line must name the columns"),
        (BLOCK, csv("sha256,12"), b"", "p/bad.csv:2: the hash has 2 digits; a sha256 has 64"),
        (BLOCK, csv(f"sha256,{SHA256},label"), b"", "p/bad.csv:2: the policy 'weapons' has no action 'label'"),
        (BOTH, csv(f"sha256,{'1' * 64}"), csv(f"sha256,{SHA256},block"), "p/ours.csv:2: 'block' under 'allow'"),
        (
            BOTH,
            csv(f"sha256,{SHA256}"),
            csv(f"sha256,{SHA256}", ""),
            "p/ours.csv:2: the hash stands under 'block' too",
        ),
        (BOTH, csv(f"pdq,{SHA256}"), csv(f"pdq,{SHA256}", ""), "(bad.csv:2); say in its note why it is allowed"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_by_file_and_line(lists: str, bad: bytes, ours: bytes, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parsed(lists, bad_csv=bad, ours_csv=ours)
    [problem] = refused.value.problems
    assert said in str(problem)


def test_an_allow_that_takes_a_block_back_says_why() -> None:
    made = parsed(BOTH, bad_csv=csv(f"sha256,{SHA256}"), ours_csv=csv(f"sha256,{SHA256},,not ours to block"))
    assert made.policies[0].lists.allow[0].entries.note(0) == "not ours to block"
