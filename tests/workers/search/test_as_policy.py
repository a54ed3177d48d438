"""``sluice search --as-policy``: what was asked becomes a policy that acts on nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from tests.workers.search.conftest import Ask

POLICY = "title: Dogs\nprompts: [a dog]\nactions: {review: 0.5}\n"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    (tmp_path / "dogs.yaml").write_text(POLICY)
    return tmp_path


def test_words_become_a_policy_in_shadow_mode_and_its_backtest_is_shown(ask: Ask, policies: Path) -> None:
    answer = ask(
        ["a bus", 'a "bus": red'], unless=["a car"], as_policy="buses", policies=str(policies), as_json=False
    )
    assert answer.status == 0
    written = policies / "buses.yaml"
    assert f"written: {written}" in answer.stderr
    policy = next(each for each in policies_in(policies).policies if each.id == "buses")
    assert (policy.mode, policy.prompts, policy.unless) == ("shadow", ("a bus", 'a "bus": red'), ("a car",))
    assert policy.actions["review"] == pytest.approx(0.9, abs=0.1)
    assert written.read_text().startswith("# Written by `sluice search --as-policy`.")
    assert "of 12 images" in written.read_text()
    assert "12 events of 2026-09-21" in answer.stdout
    assert "buses" in answer.stdout.split("12 events")[1]


def test_where_there_is_nothing_like_it_the_policy_waits_for_the_first(ask: Ask, policies: Path) -> None:
    answer = ask(["a submarine"], as_policy="submarines", policies=str(policies))
    assert answer.status == 1
    text = (policies / "submarines.yaml").read_text()
    assert "Nothing like it was among 12 images" in text
    assert "review: 0.25" in text


def test_no_file_is_overwritten(ask: Ask, policies: Path) -> None:
    with pytest.raises(UsageError, match=r"dogs\.yaml is there already"):
        ask(["a dog"], as_policy="dogs", policies=str(policies))
    assert (policies / "dogs.yaml").read_text() == POLICY


@pytest.mark.parametrize(
    ("words", "how", "said"),
    [
        (["a dog"], {"as_policy": "Big Dogs"}, "may hold only a-z"),
        (["a dog"], {"as_policy": "../up"}, "may hold only a-z"),
        (["a dog"], {"as_policy": "_x"}, "begins with a letter or a digit"),
        ([], {"as_policy": "dogs", "like": ["dog-01.jpg"]}, "made of words"),
        (["a dog", "a dog"], {"as_policy": "pets"}, "stands in prompts already"),
    ],
)
def test_what_can_be_no_policy_is_said_before_the_search(
    ask: Ask, policies: Path, words: list[str], how: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        ask(words, policies=str(policies), **how)
    assert [each.name for each in policies.iterdir()] == ["dogs.yaml"]
